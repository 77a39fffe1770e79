"""The only place that names everyone: it wires the layers to a node and serves it."""
