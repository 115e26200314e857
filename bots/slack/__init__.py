"""askrepo in Slack."""
