"""How many cores the process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Those that the system lets it run on (``taskset``, a container's cpuset), of all that the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
