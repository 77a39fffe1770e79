"""AWS Lambda: functions, their versions, aliases and layers, and running them. service.py is the table of contents."""
