"""One ordered key-value space with transactions, durable on disk. Knows bytes, not AWS.

Start at database.py (`Database.open`), then transaction.py (`Tx`) and keys.py (`Subspace`).
"""
