"""The time a film takes from file to file, per stage."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rtstyle.engines import Engine
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.styles import StyleBank
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film

PRESET = "veryfast"


def time_film(film: Path, bank: StyleBank, engine: Engine) -> dict[str, Any]:
    """Paint ``film`` twice, the second time warm: frames per second, and the share of the time each stage was at work."""
    stylizer = Stylizer(bank, bank.names[0], engine=engine)
    options = FilmOptions(write=VideoOptions(preset=PRESET), overwrite=True, audio=False)
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "painted.mp4")
        paint_film(str(film), output, stylizer, options)
        stats = paint_film(str(film), output, stylizer, options).stats
    return {
        "engine": engine.name,
        "frames": stats.frames,
        "fps": stats.fps,
        "busy": stats.busy,
        "bottleneck": stats.bottleneck,
    }


def film_line(film: dict[str, Any]) -> str:
    """The result of :func:`time_film` for people."""
    busy = ", ".join(f"{stage} {share:.0%}" for stage, share in film["busy"].items())
    return f"{film['frames']} frames from file to file, {film['fps']:.1f} frames/s with {film['engine']}; at work: {busy}"
