"""What askrepo does. Knows no platform: whatever names Slack, Discord or a terminal lives in bots/."""
