"""One configuration story: defaults < TOML file < environment < flags.

A schema is a msgspec Struct or a dataclass whose fields carry `Annotated[type, Meta(description="…")]`; a field whose
type is again such a class is a sub-table. `load` merges the four layers key by key, so that a variable replaces one
key and not a table, and remembers where each value came from, so that an error names the line, variable or flag.
"""

from veery.runtime.settings.load import Loaded, load
from veery.runtime.settings.schema import Key, keys_of
from veery.runtime.settings.write import write_commented_toml

__all__ = ["Key", "Loaded", "keys_of", "load", "write_commented_toml"]
