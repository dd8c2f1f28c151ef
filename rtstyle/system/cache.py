"""Where rtstyle remembers things between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for rtstyle (``$XDG_CACHE_HOME/rtstyle`` or the system's own place); made when missing.

    Raises :class:`OSError` where there can be none.
    """
    variable, usual = ("LOCALAPPDATA", "~/AppData/Local") if os.name == "nt" else ("XDG_CACHE_HOME", "~/.cache")
    try:
        folder = Path(os.environ.get(variable) or Path(usual).expanduser()) / "rtstyle"
    except RuntimeError as error:  # the account has no home, as in a container
        raise FileNotFoundError(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    return folder
