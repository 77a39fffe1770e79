"""What `cloudlet demo` can act out: one module an example, each with `act(stage, given) -> None`."""
