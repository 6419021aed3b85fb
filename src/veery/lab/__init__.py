"""A whole network on one machine, for demos and tests: a seed and nodes on loopback that are no different from others.

Nothing in the roles knows of the lab. `plan` says who is where, `parts` runs one of them in this process or in its own,
`network` runs all, `control` lets another terminal look at it and stop and start nodes.
"""
