"""The client's road: transports, node pool, paths, onion requests, swarm calls; and the node message queue."""
