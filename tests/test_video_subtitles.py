"""Subtitles: copied, or converted where a container takes another form."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import clip_with_subtitles, read_film, small_stylizer

from rtstyle.sources.reading import ReadOptions
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


LINES = [(0.1 * number, 0.1 * number + 0.09, f"line {number}") for number in range(3)]


def _with_subtitles(path: Path) -> Path:
    return clip_with_subtitles(path, LINES, tracks=2)


def test_subtitles_are_copied(tmp_path: Path, untouched: Stylizer) -> None:
    source = _with_subtitles(tmp_path / "in.mkv")
    paint_film(str(source), tmp_path / "out.mkv", untouched)
    before, after = read_film(source), read_film(tmp_path / "out.mkv")
    assert len(before.packets[1]) == 3
    assert after.packets[1] == before.packets[1]
    assert after.packets[2] == before.packets[2]
    with av.open(str(tmp_path / "out.mkv")) as film:
        assert [stream.metadata.get("language") for stream in film.streams.subtitles] == ["ger", "fra"]


@pytest.mark.parametrize(("extension", "codec"), [("mp4", "mov_text"), ("mov", "mov_text"), ("webm", "webvtt")])
def test_text_subtitles_are_converted_where_they_do_not_fit(
    tmp_path: Path, untouched: Stylizer, extension: str, codec: str
) -> None:
    source = _with_subtitles(tmp_path / "in.mkv")
    report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert sum(f"written as {codec}" in notice for notice in report.notices) == 2
    with av.open(str(tmp_path / f"out.{extension}")) as film:
        texts = film.streams.subtitles
        assert [text.codec_context.name for text in texts] == [codec] * 2
        assert [text.metadata.get("language") for text in texts] == ["ger", "fra"]
        heard = []
        for packet in film.demux(texts[1]):
            for line in texts[1].codec_context.decode2(packet) or () if packet.size else ():
                heard.append((float(packet.pts * packet.time_base), float(packet.duration * packet.time_base), line.ass[-13:]))
    assert heard == [(0.1 * i, pytest.approx(0.09), b"line %d of fra" % i) for i in range(3)]


def test_subtitles_come_back_from_mp4_into_mkv_and_are_cut(tmp_path: Path, untouched: Stylizer) -> None:
    paint_film(str(_with_subtitles(tmp_path / "in.mkv")), tmp_path / "in.mp4", untouched)
    cut = FilmOptions(read=ReadOptions(start=Fraction(1, 10)))
    paint_film(str(tmp_path / "in.mp4"), tmp_path / "out.mkv", untouched, cut)
    film = read_film(tmp_path / "out.mkv")
    assert [kind for kind in film.kinds.values() if kind != "h264"] == ["srt", "srt"]
    assert film.track("srt") == [(Fraction(0), b"line 1 of ger"), (Fraction(1, 10), b"line 2 of ger")]


def _shown(path: Path) -> list[tuple[float, float, bytes]]:
    """(from, to, text) of each subtitle, without the empty ones that mp4 fills its gaps with."""
    with av.open(str(path)) as film:
        track = film.streams.subtitles[0]
        packets = [packet for packet in film.demux(track) if packet.size > 2]
        unit = float(track.time_base)
        lines = [bytes(it)[2:] if track.codec_context.name == "mov_text" else bytes(it) for it in packets]
        return [(it.pts * unit, (it.pts + it.duration) * unit, line) for it, line in zip(packets, lines, strict=True)]


@pytest.mark.parametrize("extension", ["mkv", "mp4", "webm"])
@pytest.mark.parametrize("source_extension", ["mkv", "mp4"])
def test_a_cut_keeps_the_line_that_is_on_the_screen(
    tmp_path: Path, untouched: Stylizer, source_extension: str, extension: str
) -> None:
    lines = [(0.2, 0.8, "first"), (1.0, 4.0, "long"), (4.2, 4.8, "last")]
    source = clip_with_subtitles(tmp_path / "in.mkv", lines, pictures=125)
    if source_extension == "mp4":
        paint_film(str(source), tmp_path / "in.mp4", untouched)
    cut = FilmOptions(read=ReadOptions(start=Fraction(5, 2), end=Fraction(9, 2)))
    output = tmp_path / f"out.{extension}"
    paint_film(str(tmp_path / f"in.{source_extension}"), output, untouched, cut)
    wanted = [(0.0, 1.5, b"long of ger"), (1.7, 2.0, b"last of ger")]
    assert [(round(begins, 2), round(ends, 2), line) for begins, ends, line in _shown(output)] == wanted
    assert read_film(output).seconds == pytest.approx(2.0, abs=0.05)


def test_subtitles_that_no_form_fits_are_reported(tmp_path: Path, untouched: Stylizer) -> None:
    source = _with_subtitles(tmp_path / "in.mkv")
    report = paint_film(str(source), tmp_path / "out.ts", untouched)
    assert sum("subtitle" in notice and "left out" in notice for notice in report.notices) == 2
    assert set(read_film(tmp_path / "out.ts").kinds.values()) == {"h264"}
