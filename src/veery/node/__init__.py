"""A service node."""
