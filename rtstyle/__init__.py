"""rtstyle paints live video with feed-forward style networks.

Names are imported when first used, so that ``import rtstyle`` and ``rtstyle --help`` cost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtstyle.config import RunConfig
    from rtstyle.errors import RTStyleError
    from rtstyle.frame import Frame, StreamInfo
    from rtstyle.pipeline import run
    from rtstyle.sinks.video import VideoSink
    from rtstyle.sources.video import VideoSource
    from rtstyle.styles import StyleBank, StyleMix
    from rtstyle.stylizer import Look, Stylizer

__version__ = "0.1.0"

__all__ = [
    "Frame",
    "Look",
    "RTStyleError",
    "RunConfig",
    "StreamInfo",
    "StyleBank",
    "StyleMix",
    "Stylizer",
    "VideoSink",
    "VideoSource",
    "run",
]

_HOMES = {
    "Frame": "frame",
    "Look": "stylizer",
    "RTStyleError": "errors",
    "RunConfig": "config",
    "StreamInfo": "frame",
    "StyleBank": "styles",
    "StyleMix": "styles",
    "Stylizer": "stylizer",
    "VideoSink": "sinks.video",
    "VideoSource": "sources.video",
    "run": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rtstyle' has no attribute '{name}'")
    return getattr(importlib.import_module(f"rtstyle.{_HOMES[name]}"), name)
