"""Evaluation for reading: tables, JSON, and a gallery of every style on the same photos."""

from __future__ import annotations

import json
import math
import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rtstyle.errors import SinkError, UsageError
from rtstyle.evaluate.perceptual import PaintStill, Quality
from rtstyle.evaluate.strength import StrengthPoint, falls_until_full
from rtstyle.evaluate.temporal import Steadiness
from rtstyle.pixels import Pixels, Size, resize
from rtstyle.sinks.staging import check_output
from rtstyle.system.whole import whole_file

PUBLISHED = {"wave": (0.741, 0.099), "scream": (0.526, 0.049), "udnie": (0.615, 0.020), "shipwreck": (0.535, 0.036)}
"""Content and style loss of well-known published full-size networks, on the photos the project quotes its figures on."""

GAP = 6
LABEL = 30


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Fixed-width text: first column left, the others right."""
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (header, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def quality_table(results: Sequence[Quality]) -> str:
    """Losses per style beside those of published networks for the same painting, and their mean."""
    rows: list[list[str]] = []
    for result in results:
        marks = [f"{mark:.3f}" for mark in PUBLISHED.get(result.style, ())] or ["", ""]
        rows.append([result.style, *_losses(result.content_loss, result.style_loss, result.unpainted_style_loss), *marks])
    if len(results) > 1:
        columns = np.mean([[r.content_loss, r.style_loss, r.unpainted_style_loss] for r in results], axis=0)
        rows.append(["mean", *_losses(*columns), "", ""])
    header = ["style", "content", "style loss", "unpainted", "published content", "published style"]
    return format_table(header, rows)


def steadiness_table(results: Sequence[Steadiness]) -> str:
    """Warping error, its root, still change and style loss of every style on one clip."""
    rows = [
        [
            result.style,
            _number(result.warping_error, 5),
            _number(result.root, 4),
            _number(result.still_change, 4),
            _number(result.style_loss, 3),
        ]
        for result in results
    ]
    return format_table(["style", "warping error", "root", "still change", "style loss"], rows)


def strength_table(points: Sequence[StrengthPoint]) -> str:
    """Losses and PSNR of every style at every strength, and for each style whether its loss falls all the way."""
    rows = [
        [p.style, f"{p.strength:g}", f"{p.style_loss:.3f}", f"{p.content_loss:.3f}", f"{p.psnr:.1f}", f"{p.least_psnr:.1f}"]
        for p in points
    ]
    lines = [format_table(["style", "strength", "style loss", "content", "mean dB", "least dB"], rows)]
    for style in dict.fromkeys(p.style for p in points):
        stall = falls_until_full([p for p in points if p.style == style])
        lines.append(
            f"{style}: the style loss does not fall from {stall[0]:g} to {stall[1]:g}"
            if stall
            else f"{style}: the style loss falls at every step up to 1"
        )
    return "\n".join(lines)


def as_table(result: Quality | Steadiness | StrengthPoint) -> dict[str, Any]:
    """Plain data for JSON; what could not be measured, or has no end, is None."""
    values = asdict(result)
    if isinstance(result, Steadiness):
        values["root"] = result.root
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}


def check_report_path(path: Path | None, *, overwrite: bool = False) -> None:
    """Raises :class:`UsageError` where no report can be written, before minutes are spent on its figures."""
    if path is None:
        return
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder; name a file for the figures")
    if (mimetypes.guess_type(path)[0] or "").startswith(("image/", "video/")):
        raise UsageError(f"{path} is named like a picture or a film, perhaps one of those measured; name a .json file")
    check_output(path, overwrite=overwrite)


def write_json(data: Mapping[str, Any], path: Path) -> None:
    """Write figures with :func:`write_report`."""
    write_report(json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_report(text: str, path: Path) -> None:
    """Write a report, whole or not at all; raises :class:`SinkError` where that fails."""
    try:
        with whole_file(path) as file:
            # File names may hold bytes that are no text; JSON knows such an escape too.
            file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error}") from error


def gallery(photos: Sequence[Pixels], painters: Mapping[str, PaintStill], *, cell: Size, columns: int) -> Pixels:
    """Every style on the same photos, side by side under its name, ``columns`` styles a row; the photos come first.

    Photos are cropped in the middle to the shape of ``cell`` (height, width) and painted at that size.
    """
    crops = np.stack([_centre_crop(photo, cell) for photo in photos])
    strips = {"": crops, **{name: painter(crops) for name, painter in painters.items()}}
    height, width = cell[0] + LABEL + GAP, len(photos) * (cell[1] + GAP)
    columns = min(columns, len(strips))
    lines = math.ceil(len(strips) / columns)
    sheet = Image.new("RGB", (columns * (width + 2 * GAP) - GAP, lines * height + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=0.6 * LABEL)
    for index, (name, strip) in enumerate(strips.items()):
        left, top = GAP + index % columns * (width + 2 * GAP), index // columns * height
        draw.text((left, top + LABEL // 2), name.replace("_", " ") or "photo", fill=(40, 40, 40), font=font, anchor="lm")
        for place, picture in enumerate(strip):
            sheet.paste(Image.fromarray(picture), (left + place * (cell[1] + GAP), top + LABEL))
    return np.asarray(sheet, dtype=np.uint8)


def _centre_crop(photo: Pixels, cell: Size) -> Pixels:
    height, width = photo.shape[:2]
    scale = min(height / cell[0], width / cell[1])
    left, top = (width - cell[1] * scale) / 2, (height - cell[0] * scale) / 2
    return resize(photo, cell, box=(left, top, left + cell[1] * scale, top + cell[0] * scale))


def _losses(content: float, style: float, unpainted: float) -> list[str]:
    return [f"{content:.3f}", f"{style:.3f}", f"{unpainted:.2f}"]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
