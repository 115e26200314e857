"""askrepo in Discord."""
