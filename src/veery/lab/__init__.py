"""A whole network on one machine, for demos and tests."""
