"""The protocol book as code: bytes <-> values. Pure: no clock, randomness, sockets, files, tasks or databases.

Time and randomness enter as arguments. One module a chapter.
"""
