"""Our own standard library: time, ids, errors, settings. Imports nothing of ours."""
