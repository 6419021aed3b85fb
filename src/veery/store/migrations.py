"""The versions of the schema. A later version appends its migration; what stands here is never changed.

A number is the version that a migration reaches. `runtime.sqlite.migrate` runs what a database has not seen, each in
one transaction, and refuses databases of a higher version than the last one here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from veery.runtime.sqlite import Migration
from veery.store.schema import VERSION_1
from veery.store.schema_changes import VERSION_9
from veery.store.schema_devices import VERSION_2
from veery.store.schema_events import VERSION_13
from veery.store.schema_files import VERSION_6
from veery.store.schema_folding import VERSION_15
from veery.store.schema_group_pictures import VERSION_10
from veery.store.schema_groups import VERSION_4
from veery.store.schema_hashes import VERSION_12
from veery.store.schema_levels import VERSION_7
from veery.store.schema_moving import VERSION_11
from veery.store.schema_previews import VERSION_8
from veery.store.schema_seen import VERSION_14
from veery.store.schema_storage import VERSION_5
from veery.store.schema_sync import VERSION_3
from veery.store.schema_trimmed import VERSION_16

MIGRATIONS: Final[Sequence[Migration]] = (
    (1, VERSION_1),
    (2, VERSION_2),
    (3, VERSION_3),
    (4, VERSION_4),
    (5, VERSION_5),
    (6, VERSION_6),
    (7, VERSION_7),
    (8, VERSION_8),
    (9, VERSION_9),
    (10, VERSION_10),
    (11, VERSION_11),
    (12, VERSION_12),
    (13, VERSION_13),
    (14, VERSION_14),
    (15, VERSION_15),
    (16, VERSION_16),
)
