"""CloudFormation's template language, pure: text and values in, values or AWS's errors out. No store, no clock."""
