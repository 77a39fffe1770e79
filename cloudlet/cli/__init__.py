"""The cloudlet command. Speaks to a node by HTTP only (and starts one)."""
