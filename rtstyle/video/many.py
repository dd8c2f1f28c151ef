"""Many films in one go: past the bad ones, not again over those that are done."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtstyle.errors import RTStyleError, SinkError, UsageError
from rtstyle.sinks.encoders import CONTAINERS, VideoOptions, plan
from rtstyle.sinks.staging import make_folder
from rtstyle.sources.opening import is_url
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import probe
from rtstyle.stylizer import Stylizer
from rtstyle.system.folders import entries
from rtstyle.video.film import FilmOptions, paint_film
from rtstyle.video.originals import refuse_originals
from rtstyle.video.progress import Bar

SUFFIXES = frozenset(
    f".{name}"
    for name in "3gp avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts mxf ts webm wmv".split()  # noqa: SIM905
)
"""What counts as a film in a folder."""
FOLLOW_SECONDS = 0.05


@dataclass(kw_only=True)
class Outcome:
    """One line of the table at the end."""

    source: str
    output: Path
    state: str
    """``done``, ``already there``, ``damaged``, ``failed`` or ``interrupted``."""
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether the film is complete."""
        return self.state in ("done", "already there")


def is_many(sources: Sequence[str]) -> bool:
    """Whether these inputs mean a folder of outputs."""
    return len(sources) > 1 or (not is_url(sources[0]) and os.path.isdir(sources[0]))


def find_films(sources: Sequence[str]) -> list[str]:
    """The films among the inputs, folders searched (not their subfolders), in order of name.

    Raises :class:`UsageError` for a missing input, a folder without films, or two films whose outputs would share a name.
    """
    films: list[str] = []
    for source in sources:
        path = Path(source)
        if is_url(source) or os.path.isfile(source):
            films.append(source)
        elif os.path.isdir(source):
            films += [str(it) for it in entries(path) if it.suffix.lower() in SUFFIXES and it.is_file() and _visible(it)]
        else:
            raise UsageError(f"there is no file {path}")
    if not films:
        raise UsageError(f"no films in {', '.join(sources)}; looked for {', '.join(sorted(SUFFIXES))}")
    stems = [Path(film).stem for film in films]
    for stem in stems:
        if stems.count(stem) > 1:
            raise UsageError(f"two inputs are named {stem}: their outputs would be one file")
    return films


def paint_films(
    films: Sequence[str],
    folder: Path,
    stylizer: Stylizer,
    options: FilmOptions,
    *,
    stop: threading.Event,
    bar: Bar,
) -> Iterator[Outcome]:
    """Paint each film into ``folder`` (made where it is absent) under its own name; yields what became of each.

    Raises :class:`UsageError` before any work where ``folder`` cannot be one or the encoder's options fit no output.
    """
    names_a_film = folder.suffix.lower().lstrip(".") in CONTAINERS and not os.path.isdir(folder)
    if names_a_film or os.path.isfile(folder) or not os.path.isdir(folder.parent):
        raise UsageError(f"several films go into a folder, and {folder} cannot be one")
    outputs = [folder / f"{Path(film).stem}{_suffix(film, options.write)}" for film in films]
    for film, output in zip(films, outputs, strict=True):
        refuse_originals(film, str(output))
    make_folder(folder)
    due = [film for film, output in zip(films, outputs, strict=True) if _is_due(output, options)]
    lengths = {film: 0 if stop.is_set() else _length(film, options.read) for film in due}
    bar.expect(sum(lengths.values()))
    for film, output in zip(films, outputs, strict=True):
        if stop.is_set():
            return
        if film not in lengths:
            yield Outcome(source=film, output=output, state="already there")
        else:
            yield _paint_one(film, output, stylizer, options, stop, bar)


def _paint_one(film: str, output: Path, stylizer: Stylizer, options: FilmOptions, stop: threading.Event, bar: Bar) -> Outcome:
    # After an error the stop flag of the pipeline is set: each film gets one of its own, which follows ours.
    own = _Linked(stop)
    try:
        report = paint_film(film, output, stylizer, options, stop=own, listener=bar)
    except RTStyleError as error:
        return Outcome(source=film, output=output, state="failed", detail=str(error))
    if report.interrupted:
        return Outcome(source=film, output=Path(report.output), state="interrupted", detail=f"{report.frames} frames")
    state = "damaged" if report.damage else "done"
    return Outcome(source=film, output=output, state=state, detail=str(report.damage) or report.summary.partition(": ")[2])


class _Linked(threading.Event):
    """Set when it was set itself or the event that it follows was."""

    def __init__(self, followed: threading.Event) -> None:
        super().__init__()
        self._followed = followed

    def is_set(self) -> bool:
        return super().is_set() or self._followed.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            super().wait(min(left, FOLLOW_SECONDS))
        return self.is_set()


def _is_due(output: Path, options: FilmOptions) -> bool:
    return options.overwrite or not os.path.exists(output)


def _suffix(film: str, write: VideoOptions) -> str:
    """The input's container where it can be written, else mp4 or the first that holds the codec."""
    own = Path(film).suffix.lower().lstrip(".")
    for container in dict.fromkeys([own, "mp4", "mkv", "mov", "webm"]):
        if container in CONTAINERS and container not in ("m3u8", "flv", "gif"):
            try:
                plan(write, container)
            except UsageError:
                continue
            return f".{container}"
    plan(write, "mp4")
    raise SinkError(f"no container for {film}")


def _length(film: str, options: ReadOptions) -> int:
    try:
        return probe(film, options).frames or 0
    except RTStyleError:
        return 0


def _visible(path: Path) -> bool:
    return not path.name.startswith(".") and ".partial." not in path.name
