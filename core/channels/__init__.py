"""Who may ask what where: repositories, mappings and tokens."""
