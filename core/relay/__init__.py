"""From question to outcome."""
