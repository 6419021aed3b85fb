"""Stores as past releases have left them: `v<number>/` of a schema holds header, database, and its rows as JSON.

Each was made once, by the code of its release, with `python -m tests.unit.store.frozen.fill_<number> DIRECTORY` run
on a check-out of it; the files never change afterwards. The passphrase is `correct horse`.
"""
