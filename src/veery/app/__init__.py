"""Doors into a running engine: the control socket that lets commands share one profile."""
