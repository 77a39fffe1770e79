"""SNS: topics, subscriptions, fan-out to queues, functions, web servers and mailboxes."""
