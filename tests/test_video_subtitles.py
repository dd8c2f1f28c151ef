"""Subtitles: copied, or converted where a container takes another form."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from clips import HEIGHT, WIDTH, numbered, read_film, small_stylizer

from rtstyle.sources.reading import ReadOptions
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


def _with_subtitles(path: Path) -> Path:
    """An MKV with two subtitle tracks, made by hand from text packets."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25)
        video.width, video.height = WIDTH, HEIGHT
        texts = [output.add_mux_stream("subrip", time_base=Fraction(1, 1000)) for _ in range(2)]
        texts[0].metadata["language"], texts[1].metadata["language"] = "ger", "fra"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts = index
            output.mux(video.encode(frame))
        for stream in texts:
            for number in range(3):
                packet = av.Packet(f"line {number} of {stream.metadata['language']}".encode())
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = 100 * number
                packet.duration = 90
                output.mux(packet)
        output.mux(video.encode(None))
    return path


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


def test_subtitles_that_no_form_fits_are_reported(tmp_path: Path, untouched: Stylizer) -> None:
    source = _with_subtitles(tmp_path / "in.mkv")
    report = paint_film(str(source), tmp_path / "out.ts", untouched)
    assert sum("subtitle" in notice and "left out" in notice for notice in report.notices) == 2
    assert set(read_film(tmp_path / "out.ts").kinds.values()) == {"h264"}
