"""Amazon Simple Queue Service. service.py is the table of contents."""
