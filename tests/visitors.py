"""Visitors of the page, as its API sees them."""

from __future__ import annotations

from pathlib import Path

from gradio_client import Client


def visitor(url: str, downloads: Path) -> Client:
    """One more visitor; what they download lies in ``downloads``."""
    return Client(url, verbose=False, download_files=str(downloads), httpx_kwargs={"timeout": 60})
