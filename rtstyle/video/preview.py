"""Stills spread over a film, to choose a style before a long run."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from rtstyle.config import target_size
from rtstyle.errors import SourceError, UsageError
from rtstyle.frame import Frame
from rtstyle.pipeline.painters import PlainPainter
from rtstyle.pixels import Pixels, resize
from rtstyle.sinks.images import write_still
from rtstyle.sinks.staging import make_folder
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer
from rtstyle.video.compare import SideBySide
from rtstyle.video.film import FilmOptions
from rtstyle.video.originals import refuse_originals


def check_preview(sources: Sequence[str], folder: Path, count: int, *, overwrite: bool) -> None:
    """Refuse, before any work, stills that cannot be or would replace what they should not; raises :class:`UsageError`."""
    if (folder.suffix and not os.path.isdir(folder)) or os.path.isfile(folder) or not os.path.isdir(folder.parent):
        raise UsageError(f"the stills of --preview go into a folder, and {folder} cannot be one")
    stills = [still for source in sources for still in _stills(source, folder, count)]
    for still in stills:
        if stills.count(still) > 1:
            raise UsageError(f"two films would both be shown in {still}; give them different names or folders")
        if os.path.exists(still) and not overwrite:
            raise UsageError(f"{still} exists already; --overwrite replaces it")
        for source in sources:
            refuse_originals(source, str(still))


def paint_preview(
    source: str,
    folder: Path,
    count: int,
    stylizer: Stylizer,
    options: FilmOptions | None = None,
    *,
    stop: threading.Event | None = None,
) -> list[Path]:
    """Write ``count`` painted stills of ``source`` into ``folder``, evenly spread; only those frames are painted.

    ``stop`` ends it after the still in work; returned are those that are there.

    Raises :class:`UsageError` where ``folder`` is a file or cannot be made, :class:`SourceError` for an unreadable film.
    """
    options = options or FilmOptions()
    check_preview([source], folder, count, overwrite=options.overwrite)
    with VideoSource(source, options.read) as film:
        info = film.info
    target_size(info.size, wanted=options.size, scale=options.scale)  # refused now, not after the folder was made
    seconds = Fraction(info.frames or 1) / (info.rate or 25)
    make_folder(folder)
    written: list[Path] = []
    for number, path in enumerate(_stills(source, folder, count)):
        if stop is not None and stop.is_set():
            break
        moment = info.start + seconds * (2 * number + 1) / (2 * count)
        write_still(_painted(_frame_at(source, moment, options), stylizer, options), path)
        written.append(path)
    return written


def _stills(source: str, folder: Path, count: int) -> list[Path]:
    return [folder / f"{Path(source).stem}_{number + 1:02d}.png" for number in range(count)]


def _frame_at(source: str, moment: Fraction, options: FilmOptions) -> Frame:
    try:
        with VideoSource(source, replace(options.read, start=max(Fraction(0), moment), end=None)) as film:
            return next(iter(film))
    except SourceError:  # a last frame that lasts long: nothing begins after this moment
        with VideoSource(source, options.read) as film:
            return next(iter(film))


def _painted(frame: Frame, stylizer: Stylizer, options: FilmOptions) -> Pixels:
    size = target_size(frame.size, wanted=options.size, scale=options.scale)
    frame = frame.with_data(resize(frame.data, size)) if size else frame
    return SideBySide(PlainPainter(stylizer)).paint_frames([frame])[0].data if options.compare else stylizer.paint_one(frame.data)
