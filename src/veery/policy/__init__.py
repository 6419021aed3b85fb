"""Decisions over time: events in, actions out. Pure, like `protocol`; a shell carries the actions out."""
