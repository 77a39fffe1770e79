"""One ordered key-value space with transactions. Knows bytes, not AWS."""
