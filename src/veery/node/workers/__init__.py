"""Serving HTTPS from several processes, so that a node uses all cores of its machine.

The process that the operator started is the *core*: it owns the database's writer, the queue port, replication and
subscriptions. *Workers* own the HTTPS port together (SO_REUSEPORT): they do TLS, parsing, onion layers and signatures,
read the database by themselves, and ask the core for what changes messages or goes to other nodes, over a Unix socket.
"""
