"""Who the service nodes are: snapshots of the node list, and its append-only history."""
