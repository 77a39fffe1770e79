"""Amazon CloudWatch Logs. service.py is the table of contents."""
