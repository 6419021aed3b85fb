"""Configuration documents of a client (07): keeping, merging and pushing them, and mirroring them in the store.

`documents` and `pushing` serve any account, the own one as well as groups; the other modules are about the own account.
"""
