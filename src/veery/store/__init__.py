"""One device's encrypted database."""
