"""Writes stills: JPEG, PNG, WebP, TIFF or BMP, by the suffix."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image

from rtstyle.errors import SinkError, UsageError
from rtstyle.frame import Frame, StreamInfo
from rtstyle.pixels import Pixels
from rtstyle.sinks.staging import check_output
from rtstyle.system.whole import whole_file

FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".bmp": ("BMP", {}),
}
WITHOUT_ALPHA = frozenset({"JPEG", "BMP"})


def check_still_path(path: Path) -> None:
    """Raises :class:`UsageError` where no still can be written under this name."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"cannot write a picture as '{path.name}'; legal: {', '.join(FORMATS)}")
    if not os.path.isdir(path.parent):
        raise UsageError(f"the folder {path.parent} does not exist")


def check_new_still(path: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse, before any work, a still that cannot be written or would replace what it should not; raises :class:`UsageError`."""
    check_still_path(path)
    if path.resolve() in {original.resolve() for original in inputs}:
        raise UsageError(f"the output {path} is one of the inputs; nothing is painted over its original")
    check_output(path, overwrite=overwrite)


def write_still(pixels: Pixels, path: Path, *, alpha: Pixels | None = None) -> None:
    """Write uint8 (H, W, 3) with alpha uint8 (H, W), over white where the format has none; whole or not at all.

    Raises :class:`UsageError` for an unknown suffix and :class:`SinkError` where writing fails.
    """
    check_still_path(path)
    kind, options = FORMATS[path.suffix.lower()]
    image = Image.fromarray(pixels if alpha is None else np.dstack((pixels, alpha)))
    if alpha is not None and kind in WITHOUT_ALPHA:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    try:
        with whole_file(path) as file:
            image.save(file, format=kind, **options)
    except (OSError, ValueError) as error:
        raise SinkError(f"cannot write {path}: {error}") from error


class ImageSink:
    """Writes the one frame of a still to ``path``."""

    main_thread = False

    def __init__(self, path: Path) -> None:
        check_still_path(path)
        self.path = path
        self.name = path.name

    def open(self, info: StreamInfo) -> None:
        return None

    def write(self, frame: Frame) -> None:
        write_still(frame.data, self.path, alpha=frame.alpha)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return None
