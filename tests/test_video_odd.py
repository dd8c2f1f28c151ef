"""Odd films and odd names, as they come: each is painted, or refused in one line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import clip_with_sound, read_film, small_stylizer, write_clip

from rtstyle.errors import SinkError, UsageError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, check_paths, paint_film
from rtstyle.video.many import find_films


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


@pytest.mark.parametrize(
    ("codec", "extension"), [("flac", "mov"), ("libopus", "mov"), ("pcm_s16le", "flv"), ("libmp3lame", "mov"), ("flac", "flv")]
)
def test_sound_that_a_muxer_refuses_is_encoded(tmp_path: Path, untouched: Stylizer, codec: str, extension: str) -> None:
    source = write_clip(tmp_path / "in.mkv", audio=[codec])
    report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    film = read_film(tmp_path / f"out.{extension}")
    as_it_is = (codec, extension) in (("libmp3lame", "mov"), ("flac", "flv"))
    assert ("aac" in film.kinds.values()) is not as_it_is
    assert any("encoded as aac" in notice for notice in report.notices) is not as_it_is
    assert film.seconds == pytest.approx(read_film(source).seconds, abs=0.15)


@pytest.mark.parametrize(("rate", "extension", "kind"), [(8000, "mp4", "aac"), (16000, "mp4", "mp3float"), (32000, "flv", "aac")])
def test_mp3_goes_where_its_rate_fits(tmp_path: Path, untouched: Stylizer, rate: int, extension: str, kind: str) -> None:
    source = clip_with_sound(tmp_path / "in.mkv", "libmp3lame", "mono", rate)
    paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert kind in read_film(tmp_path / f"out.{extension}").kinds.values()


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_sound_in_an_unknown_codec_is_left_out_and_named(tmp_path: Path, untouched: Stylizer, extension: str) -> None:
    source = write_clip(tmp_path / "in.mkv", audio=["aac"])
    source.write_bytes(source.read_bytes().replace(b"A_AAC", b"A_ZZZ"))
    report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert report.frames == 12
    assert "track 1 is left out: its codec is not known here" in report.notices


@pytest.mark.parametrize("extension", ["mp4", "mkv", "webm"])
def test_sound_that_goes_back_in_time_does_not_end_the_film(tmp_path: Path, untouched: Stylizer, extension: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 20, audio=["aac"])
    data, place = bytearray(source.read_bytes()), 0
    for number in range(8):  # a block of track 2 without flags but "key frame": 0x82, its time in 1/1000 s, 0x80
        place = next(
            i for i in range(place + 1, len(data)) if data[i] == 0x82 and data[i + 3] == 0x80 and data[i - 2] in (0x40, 0xA3)
        )
        if number in (5, 6):
            time = int.from_bytes(data[place + 1 : place + 3], "big", signed=True)
            data[place + 1 : place + 3] = (time - 90).to_bytes(2, "big", signed=True)
    source.write_bytes(data)
    report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert report.frames == 20
    assert any("2 packets" in notice and "back in time" in notice for notice in report.notices)


def test_what_cannot_begin_leaves_an_earlier_partial_film_alone(
    tmp_path: Path, untouched: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtstyle.sinks.encoding.SVT_RATE", 1000)  # the encoder ends at 240 frames a second
    source = write_clip(tmp_path / "in.mkv", 6, rate=1000, time_base=Fraction(1, 1000))
    (tmp_path / "out.partial.mkv").write_bytes(b"earlier")
    with pytest.raises(SinkError, match=r"cannot write .*out\.mkv"):
        paint_film(str(source), tmp_path / "out.mkv", untouched, FilmOptions(write=VideoOptions(codec="av1")))
    assert (tmp_path / "out.partial.mkv").read_bytes() == b"earlier"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["in.mkv", "out.partial.mkv"]


def test_frames_hours_apart(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mkv", 6, rate=Fraction(1, 3600), time_base=Fraction(3600))
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert read_film(tmp_path / "out.mp4").times == [3600 * i for i in range(6)]


def test_a_film_in_fragments_knows_its_length(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe"}
    with VideoSource(write_clip(tmp_path / "in.mp4", 40, options={"g": "10"}, container_options=options)) as film:
        assert film.info.frames == 40


LENGTHS = {b"mvhd": 20, b"tkhd": 24, b"mdhd": 20, b"elst": 12}
"""Where an mp4 says how long the film, a track, its media and what is shown of it are: bytes behind the name of the box."""


def change_box(path: Path, name: bytes, offset: int, change: Callable[[int], int]) -> None:
    """Change the 32-bit number ``offset`` bytes behind each ``name``."""
    data = bytearray(path.read_bytes())
    place = data.find(name)
    while place >= 0:
        number = slice(place + offset, place + offset + 4)
        data[number] = change(int.from_bytes(data[number], "big")).to_bytes(4, "big")
        place = data.find(name, place + 4)
    path.write_bytes(data)


@pytest.mark.parametrize("audio", [[], ["aac"]])
def test_a_header_that_is_too_short_cuts_nothing(tmp_path: Path, untouched: Stylizer, audio: list[str]) -> None:
    good = write_clip(tmp_path / "good.mp4", 60, audio=audio, options={"bf": "2"})
    source = Path(shutil.copy(good, tmp_path / "in.mp4"))
    for name, offset in LENGTHS.items():
        change_box(source, name, offset, lambda length: length // 3)
    for path, output in ((good, "one.mp4"), (source, "other.mp4")):
        report = paint_film(str(path), tmp_path / output, untouched)
        assert (report.frames, report.complete, report.notices) == (60, True, [])
    one, other = read_film(tmp_path / "one.mp4"), read_film(tmp_path / "other.mp4")
    assert other.times == one.times
    for ours, theirs in zip(other.pictures, one.pictures, strict=True):  # x264's threads do not always end in the same bits
        np.testing.assert_allclose(ours.astype(int), theirs.astype(int), atol=8)
    assert [other.packets[i] for i, kind in other.kinds.items() if kind == "aac"] == [
        one.packets[i] for i, kind in one.kinds.items() if kind == "aac"
    ]


def test_an_edit_list_that_forgets_the_delay_of_b_frames_cuts_nothing(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 14, options={"bf": "2"})
    change_box(source, b"elst", 16, lambda _: 0)
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert read_film(tmp_path / "out.mp4").times == [Fraction(i + 2, 25) for i in range(14)]


def test_a_film_that_was_shortened_stays_short_and_says_so(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 60, audio=["aac"], options={"bf": "2"})
    for name in (b"mvhd", b"tkhd", b"elst"):  # its media are as long as before
        change_box(source, name, LENGTHS[name], lambda length: length // 3)
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert (report.frames, report.complete) == (20, True)
    assert any("edit list" in notice and "40 pictures" in notice for notice in report.notices)


LONG = "x" * 300


@pytest.mark.parametrize("output", [f"{LONG}.mp4", f"{'x' * 245}.mp4", f"{LONG}/out.mp4", f"{LONG}.png"])
def test_names_that_are_too_long_are_refused_in_one_line(tmp_path: Path, output: str) -> None:
    source = str(write_clip(tmp_path / "in.mp4", 1))
    with pytest.raises(UsageError):
        check_paths([source], str(tmp_path / output), FilmOptions())
    with pytest.raises(UsageError, match="there is no file"):
        check_paths([str(tmp_path / LONG)], str(tmp_path / "out.mp4"), FilmOptions())
    with pytest.raises(UsageError, match="there is no file"):
        find_films([source, str(tmp_path / LONG)])


@pytest.mark.parametrize("name", ["100%done.mp4", "50%d off.mkv", "Part: one.mp4", "ümläut 日本 'q' [x]*?.mp4", "-dash.mp4"])
def test_names_that_only_look_like_something_else(
    tmp_path: Path, untouched: Stylizer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.replace(write_clip(tmp_path / f"in{Path(name).suffix}", 5), tmp_path / name)
    (tmp_path / "painted").mkdir()
    check_paths([name], "out.mp4", FilmOptions())
    assert paint_film(name, str(tmp_path / "painted" / name), untouched).frames == 5
