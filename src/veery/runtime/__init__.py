"""What every shell shares: clock, randomness, settings, logging, SQLite, TLS identity, service lifecycle."""
