"""The file server: keeps encrypted blobs for a while, and never holds a key (09.7)."""
