"""Amazon CloudWatch: metrics and alarms. service.py is the table of contents."""
