"""What is the node's alone: its clock, status, mailbox and decisions; a signed service with IAM actions cloudlet:*."""
