"""CloudFormation: stacks made from templates, by calling the other services as their owner would."""
