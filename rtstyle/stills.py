"""Painting still pictures: which file goes where, and each through the one pipeline."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rtstyle.errors import RTStyleError, UsageError
from rtstyle.pipeline import run
from rtstyle.sinks.images import FORMATS, ImageSink, check_new_still
from rtstyle.sinks.staging import make_folder
from rtstyle.sources.images import ImageSource
from rtstyle.styles import StyleMix
from rtstyle.stylizer import Stylizer

Job = tuple[Path, StyleMix, Path]
"""A picture, the look it gets, the file it goes to."""


def plan_stills(inputs: Sequence[Path], target: Path, mixes: Sequence[StyleMix], *, overwrite: bool) -> list[Job]:
    """Decide every output before any work.

    One picture in one style may go to a file; several need a folder, which may be missing, and are named
    ``PICTURE_STYLE.EXT``. Raises :class:`UsageError` for a missing input, an output that exists (without
    ``overwrite``) or is an input, and a name that no format has.
    """
    for path in inputs:
        if not os.path.isfile(path):  # pathlib's own raises where a name is too long for the system
            raise UsageError(f"no picture at {path}")
    single = len(inputs) == 1 and len(mixes) == 1
    is_folder = os.path.isdir(target) or (not single and target.suffix.lower() not in FORMATS)
    if not is_folder and not single:
        raise UsageError(f"{len(inputs)} pictures in {len(mixes)} styles need a folder to go to, not the file {target}")
    jobs: list[Job] = []
    if is_folder:
        if not os.path.isdir(target.parent):
            raise UsageError(f"the folder {target.parent} does not exist")
        for path in inputs:
            for mix in mixes:
                suffix = path.suffix if path.suffix.lower() in FORMATS else ".png"
                jobs.append((path, mix, target / f"{path.stem}_{_file_part(mix)}{suffix}"))
    else:
        jobs.append((inputs[0], mixes[0], target))
    outputs: set[Path] = set()
    for _, _, out in jobs:
        if out in outputs:
            raise UsageError(f"two pictures would both be written to {out}; give them different names or folders")
        outputs.add(out)
        if not is_folder or os.path.isdir(target):  # in a folder that is yet to be made nothing can be in the way
            check_new_still(out, inputs, overwrite=overwrite)
    if is_folder and os.path.exists(target) and not os.path.isdir(target):
        raise UsageError(f"{len(jobs)} pictures need a folder to go to, and {target} is a file")
    return jobs


def paint_stills(jobs: Sequence[Job], stylizer: Stylizer) -> Iterator[tuple[Job, RTStyleError | None]]:
    """Paint one after the other, each result as it comes; a bad picture does not stop the others.

    The folder for several is made where it is missing; raises :class:`UsageError` where it cannot be made.
    """
    look = stylizer.look
    for folder in {out.parent for _, _, out in jobs}:
        make_folder(folder)
    for job in jobs:
        path, mix, out = job
        stylizer.look = look.changed(mix=mix)
        try:
            with ImageSource(path) as source, ImageSink(out) as sink:
                run(source, stylizer, [sink])
        except RTStyleError as error:
            yield job, error
        else:
            yield job, None


def _file_part(mix: StyleMix) -> str:
    """A mix as part of a file name: ``wave``, ``wave70-scream30``, ``my``."""
    if len(mix.parts) == 1:
        return Path(mix.parts[0][0]).stem
    return "-".join(f"{Path(name).stem}{round(100 * share)}" for name, share in mix.parts)
