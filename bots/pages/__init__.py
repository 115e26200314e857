"""The pages people see in a browser, whatever the platform."""
