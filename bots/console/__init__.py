"""The same core in a terminal: no account needed."""
