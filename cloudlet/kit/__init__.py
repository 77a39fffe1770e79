"""What services are written with."""
