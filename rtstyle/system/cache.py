"""Where rtstyle remembers things between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for rtstyle (``$XDG_CACHE_HOME/rtstyle`` or the system's own place); made when missing."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "rtstyle"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
