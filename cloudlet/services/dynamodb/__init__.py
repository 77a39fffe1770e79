"""DynamoDB: tables, items, indexes; its expression languages in `expressions/`."""
