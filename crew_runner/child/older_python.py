"""Names that Python 3.10 lacks: a project's own interpreter may be one."""

from __future__ import annotations

import sys
from enum import Enum

if sys.version_info >= (3, 11):
    from enum import StrEnum
else:

    class StrEnum(str, Enum):
        """An enum whose members are text."""

        __str__ = str.__str__


__all__ = ["StrEnum"]
