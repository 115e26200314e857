"""The values that cross every border, and the stored threads."""
