"""What a node is loaded with until it is killed, subject by subject, and what must be true of each afterwards."""
