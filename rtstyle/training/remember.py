"""The folder of photos used last, so that the next style needs no ``--content``."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from rtstyle.errors import UsageError
from rtstyle.system.cache import cache_folder

FILE = "photos.json"


def photo_folder(given: Path | None) -> Path:
    """``given``, or the folder remembered from an earlier run.

    Raises :class:`UsageError`, which says where photos come from, where there is neither.
    """
    if given is not None:
        return given
    try:
        folder = Path(json.loads((cache_folder() / FILE).read_text(encoding="utf-8"))["content"])
    except (OSError, ValueError, KeyError):
        raise UsageError(
            "give a folder of photos with --content DIR: any few hundred of your own will do, or COCO's val2017 "
            "(5,000 photos, 1 GB, cocodataset.org); the folder is remembered for the next style"
        ) from None
    if not os.path.isdir(folder):
        raise UsageError(f"the folder of photos used last, {folder}, is gone; give another with --content DIR")
    return folder


def remember(folder: Path) -> None:
    """Make ``folder`` the one for the next time; where the cache cannot be written, nothing is remembered."""
    with contextlib.suppress(OSError):
        (cache_folder() / FILE).write_text(json.dumps({"content": str(folder.resolve())}), encoding="utf-8")
