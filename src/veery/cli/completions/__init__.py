"""Completion scripts for shells, written from the parser itself. No script runs `veery` while a person types."""
