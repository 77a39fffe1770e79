"""Bytes to values and back: HTTP, signatures, AWS protocols. No sockets, no store, no services."""
