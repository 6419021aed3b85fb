"""Backups: one encrypted, versioned, streamed file of a profile.

    header      one line of JSON: format, version, cost and salt of the passphrase, schema of the rows
    frame …     length (4 bytes, big endian), nonce (24), record under XChaCha20-Poly1305

The first frames hold the local files (encrypted as they lie on the disk, their keys are in the rows), then come the
rows of all tables in one state of the store, then an end that counts both. A frame is bound to the header and to its
number, so that none can be moved, left out or added, and a file without its end is not a backup. Files first, because
they never change: a creation that was broken off goes on after the last whole file, and the rows are always those of
its end.

A backup holds the recovery seed, messages, contacts, groups, settings and files. It never holds keys of a device (R7
of 06): whoever restores links the new device like any other. What it brings back, and why, is in
docs/decisions/0006-what-a-backup-brings-back.md.
"""

from __future__ import annotations

from veery.store.backup.create import Progress, create_backup
from veery.store.backup.format import BackupIncomplete, BackupTooNew, BackupWrong
from veery.store.backup.restore import Summary, restore_backup, verify_backup

__all__ = [
    "BackupIncomplete",
    "BackupTooNew",
    "BackupWrong",
    "Progress",
    "Summary",
    "create_backup",
    "restore_backup",
    "verify_backup",
]
