"""What styles and clips are called in a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def labels(texts: Sequence[str], shorten: Callable[[str], str]) -> list[str]:
    """Each text shortened, or as it is where another would be called the same."""
    short = [shorten(text) for text in texts]
    return [name if short.count(name) == 1 else text for name, text in zip(short, texts, strict=True)]


def style_name(text: str) -> str:
    """``my`` for ``folder/my.safetensors``; ``wave`` and ``wave:0.7,scream:0.3`` as they are."""
    return Path(text).stem if text.endswith(".safetensors") else text


def file_name(text: str) -> str:
    """``clip.mp4`` for ``folder/clip.mp4``."""
    return Path(text).name
