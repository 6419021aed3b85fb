"""One device's encrypted database.

`database.Store` is the door: `create` or `open` one with a way in of `keys`, then `run` (write) and `read` functions
of `tables.Tables`. Each table's module holds its values; `schema` and `migrations` say what lies on the disk.
"""
