"""Swarms and nodes (chapter 05): node records, account -> swarm, assignment, pushes between members."""
