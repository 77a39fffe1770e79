"""Lambda execution environments: processes, sandbox, pool. Imports base only."""
