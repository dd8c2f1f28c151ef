"""Visitors of the page, as its API sees them, and the pictures they bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from rtstyle.pixels import Pixels


def visitor(url: str, downloads: Path) -> Client:
    """One more visitor; what they download lies in ``downloads``."""
    return Client(url, verbose=False, download_files=str(downloads), httpx_kwargs={"timeout": 60})


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=60, **options)


def picture(seed: int, height: int = 60, width: int = 80) -> Pixels:
    """Coarse random blocks, another one for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST))


def save_with_alpha(pixels: Pixels, path: Path, alpha: int = 200) -> Path:
    """As PNG with an alpha channel: its painting comes back as PNG, so every pixel can be compared."""
    height, width = pixels.shape[:2]
    Image.fromarray(np.dstack((pixels, np.full((height, width), alpha, np.uint8)))).save(path)
    return path


def paint(client: Client, path: Path, **look: Any) -> Pixels:
    """Paint a still as a visitor does; what the download button gives, with its alpha."""
    _, download, _ = client.predict(photo=handle_file(path), **{"style": "wave", "paint_size": 0, **look}, api_name="/paint")
    return np.asarray(Image.open(download["value"] if isinstance(download, dict) else download))
