"""What can be wrong with configuration messages (07)."""

from __future__ import annotations

from veery.errors import Malformed, Misuse, Rejected


class ConfigMalformed(Malformed):
    """The bytes are no configuration message, part, dump or community URL. Nothing of them was used, 07.13."""

    default_kind = "config"


class ConfigRefused(Rejected):
    """A configuration message that does not open with the keys at hand, or that the wrong hand signed, 07.13."""

    default_kind = "config.refused"


class ConfigMisuse(Misuse):
    """A value that configuration data cannot hold, or a change of an object that may not be changed."""

    default_kind = "config.misuse"
