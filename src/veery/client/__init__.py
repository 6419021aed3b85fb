"""One account on one device: a façade over services."""
