"""What each resource type is made of: one small file per service, each a table of `Kind`s. See kind.py."""
