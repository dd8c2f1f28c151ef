"""Tables, JSON and the gallery."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from rtstyle.errors import UsageError
from rtstyle.evaluate.perceptual import Quality
from rtstyle.evaluate.report import (
    GAP,
    LABEL,
    as_table,
    check_report_path,
    format_table,
    gallery,
    quality_table,
    steadiness_table,
    write_json,
    write_report,
)
from rtstyle.evaluate.temporal import Steadiness


def quality(style: str, content: float, loss: float) -> Quality:
    return Quality(style=style, content_loss=content, style_loss=loss, unpainted_style_loss=1.0, photos=3)


def steadiness(**changed: object) -> Steadiness:
    values = {
        "style": "wave",
        "warping_error": 0.0004,
        "still_change": 0.01,
        "style_loss": None,
        "visible": 0.8,
        "still": 0.5,
        "pairs": 3,
    }
    return Steadiness(**{**values, **changed})  # type: ignore[arg-type]


def test_columns_line_up() -> None:
    lines = format_table(["name", "x"], [["a", "1.5"], ["longer", "10.25"]]).splitlines()
    assert lines == ["name        x", "------  -----", "a         1.5", "longer  10.25"]


def test_a_style_with_a_published_network_is_shown_beside_it() -> None:
    lines = quality_table([quality("wave", 0.6, 0.08), quality("mine", 0.4, 0.04)]).splitlines()
    assert lines[2].split() == ["wave", "0.600", "0.080", "1.00", "0.741", "0.099"]
    assert lines[3].split() == ["mine", "0.400", "0.040", "1.00"]
    assert lines[4].split() == ["mean", "0.500", "0.060", "1.00"]


def test_what_was_not_measured_is_a_dash_and_null() -> None:
    result = steadiness(still_change=math.nan)
    assert steadiness_table([result]).splitlines()[-1].split() == ["wave", "0.00040", "0.0200", "-", "-"]
    table = as_table(result)
    assert table["still_change"] is None
    assert table["style_loss"] is None
    assert table["root"] == pytest.approx(0.02)


def test_json_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_json({"styles": [as_table(quality("wave", 0.5, 0.1))]}, path)
    assert json.loads(path.read_text())["styles"][0]["style_loss"] == 0.1
    assert [p.name for p in tmp_path.iterdir()] == ["figures.json"]


def test_photos_whose_names_are_no_text_are_reported(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    write_json({"photos": [name]}, tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["photos"] == [name]
    write_report(f"<p>{name}</p>", tmp_path / "report.html")
    assert "caf" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    check_report_path(None)
    check_report_path(tmp_path / "new.json")
    with pytest.raises(UsageError, match="does not exist"):
        check_report_path(tmp_path / "absent" / "new.json")
    with pytest.raises(UsageError, match="is a folder"):
        check_report_path(tmp_path)
    (tmp_path / "old.json").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        check_report_path(tmp_path / "old.json")
    check_report_path(tmp_path / "old.json", overwrite=True)


def test_the_gallery_shows_every_style_on_every_photo() -> None:
    cell = (40, 60)
    photos = [np.full((90, 200, 3), 10, np.uint8), np.full((300, 100, 3), 60, np.uint8)]
    painters = {"plus_hundred": lambda batch: batch + np.uint8(100), "inverted": lambda batch: 255 - batch}
    sheet = gallery(photos, painters, cell=cell, columns=2)

    strip, line = 2 * (cell[1] + GAP), cell[0] + LABEL + GAP
    assert sheet.shape == (2 * line + GAP, 2 * (strip + 2 * GAP) - GAP, 3)

    def shade(index: int, photo: int) -> int:
        left = GAP + index % 2 * (strip + 2 * GAP) + photo * (cell[1] + GAP)
        top = index // 2 * line + LABEL
        picture = sheet[top : top + cell[0], left : left + cell[1]]
        assert np.ptp(picture) == 0
        return int(picture[0, 0, 0])

    assert [[shade(index, photo) for photo in (0, 1)] for index in (0, 1, 2)] == [[10, 60], [110, 160], [245, 195]]
    names = sheet[:LABEL]
    assert (names < 128).any(), "no name is written"


def test_the_gallery_is_no_wider_than_its_styles() -> None:
    photo = np.full((40, 60, 3), 90, np.uint8)
    few, many = (gallery([photo], {"same": lambda batch: batch}, cell=(40, 40), columns=columns) for columns in (2, 9))
    assert np.array_equal(few, many)


def test_the_gallery_crops_in_the_middle_and_keeps_proportions() -> None:
    photo = np.zeros((40, 200, 3), np.uint8)
    photo[:, 80:120] = 255
    sheet = gallery([photo], {"same": lambda batch: batch}, cell=(40, 40), columns=1)
    crop = sheet[LABEL : LABEL + 40, GAP : GAP + 40]
    assert (crop[:, 2:-2] == 255).all()
