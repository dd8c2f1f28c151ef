"""``rtstyle video`` as it is typed."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import read_film, small_stylizer, write_clip
from PIL import Image
from typer.testing import CliRunner, Result

from rtstyle.cli.app import app
from rtstyle.config import parse_time
from rtstyle.errors import RTStyleError, UsageError
from rtstyle.video.film import FilmReport, paint_film


def rtstyle(*words: object) -> Result:
    return CliRunner().invoke(app, ["video", *map(str, words), "--style", "none"])


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The style is 'none' throughout: which network passes pixels through does not matter."""
    monkeypatch.setattr("rtstyle.cli.video.open_stylizer", lambda *_, **__: small_stylizer())


def test_a_film(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 12, audio=["aac"])
    done = rtstyle(
        source, tmp_path / "out.mp4", "--codec", "hevc", "--crf", "30", "--preset", "ultrafast", "--encoder-threads", "1"
    )
    assert done.exit_code == 0, done.output
    last = done.stdout.strip().splitlines()[-1]
    assert f"{tmp_path / 'out.mp4'}: 12 frames, " in last
    assert " fps, " in last
    assert "slowest part" in last
    film = read_film(tmp_path / "out.mp4")
    assert film.stream["codec"] == "hevc"
    assert film.track("aac") == read_film(source).track("aac")


def test_a_cut_without_sound(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 25, audio=["aac"])
    done = rtstyle(source, tmp_path / "out.mp4", "--start", "0.2", "--end", "0:00.4", "--no-audio", "--size", "32x24")
    assert done.exit_code == 0, done.output
    film = read_film(tmp_path / "out.mp4")
    assert len(film.times) == 5
    assert list(film.kinds.values()) == ["h264"]
    assert film.stream["size"] == (24, 32)


def test_a_damaged_film_ends_with_code_one(tmp_path: Path) -> None:
    data = write_clip(tmp_path / "whole.avi", 40).read_bytes()
    (tmp_path / "in.avi").write_bytes(data[: len(data) * 4 // 5])
    done = rtstyle(tmp_path / "in.avi", tmp_path / "out.mp4")
    assert done.exit_code == 1
    assert "ends early" in done.stderr
    assert (tmp_path / "out.mp4").exists()


def test_many_films_end_with_a_table(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "good.mp4", 3)
    (folder / "bad.mp4").write_text("nothing")
    done = rtstyle(folder, tmp_path / "out")
    assert done.exit_code == 1
    table = done.stdout.strip().splitlines()
    assert [line.split()[:2] for line in table] == [["bad.mp4", "failed"], ["good.mp4", "done"]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--start", "1e400"], "1e400"),
        (["--start", "999999999:00:00"], "later than any film"),
        (["--bitrate", "1e400"], "is not a number"),
        (["--bitrate", "99999999999999999999M"], "is outside 1000"),
        (["--size", "99999999999x99999999999"], "is too large"),
        (["--scale", "nan"], "scale nan is outside"),
        (["--size", "64²x64"], "WIDTHxHEIGHT"),
        (["--encoder-threads", "99999999999"], "encoder-threads"),
    ],
)
def test_numbers_that_nothing_holds_are_refused(tmp_path: Path, options: list[str], words: str) -> None:
    done = rtstyle(write_clip(tmp_path / "in.mp4", 3), tmp_path / "out.mp4", *options)
    assert done.exit_code == 2 or isinstance(done.exception, UsageError)
    assert words in f"{done.output} {done.exception}"


@pytest.mark.parametrize("options", [["--scale", "nan"], ["--size", "9x9"], ["--size", "64x64", "--scale", "2"]])
def test_a_size_that_is_wrong_for_every_film_is_refused_before_the_weights_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    def loaded(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("rtstyle.cli.video.open_stylizer", loaded)
    done = rtstyle(write_clip(tmp_path / "in.mp4", 3), tmp_path / "out.mp4", *options)
    assert isinstance(done.exception, UsageError)


@pytest.mark.parametrize("output", ["{long}/", "{long}/%05d.png", "{long}.mp4", "{long}.m3u8", "{long}/x.m3u8"])
@pytest.mark.parametrize("preview", [[], ["--preview", "2"]])
def test_names_that_are_too_long_are_refused(tmp_path: Path, output: str, preview: list[str]) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    done = rtstyle(source, f"{tmp_path}/{output.format(long=300 * 'x')}", *preview)
    assert isinstance(done.exception, UsageError), done.output
    assert [it.name for it in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = rtstyle(tmp_path / "pipe", tmp_path / "out.mp4")
    assert isinstance(done.exception, UsageError)
    assert "webcam --source" in str(done.exception)


def test_films_that_are_stopped_before_the_first_end_with_code_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "a.mp4", 3)

    def stopped(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise RTStyleError

    monkeypatch.setattr("rtstyle.video.many.probe", stopped)
    done = rtstyle(folder, tmp_path / "out")
    assert done.exit_code == 130, done.exception


@pytest.mark.parametrize(("first", "second"), [("a/film.mp4", "b/film.mp4"), ("a/film.mp4", "stills/film_01.png")])
def test_stills_that_would_replace_each_other_or_an_input_are_refused(tmp_path: Path, first: str, second: str) -> None:
    sources = [tmp_path / first, tmp_path / second]
    for source in sources:
        source.parent.mkdir()
        write_clip(source, 3) if source.suffix == ".mp4" else Image.new("RGB", (64, 48)).save(source)
    before = [source.read_bytes() for source in sources]
    (tmp_path / "stills").mkdir(exist_ok=True)
    there = sorted((tmp_path / "stills").iterdir())
    done = rtstyle(*sources, tmp_path / "stills", "--preview", "1", "--overwrite")
    assert isinstance(done.exception, UsageError), done.output
    assert sorted((tmp_path / "stills").iterdir()) == there
    assert [source.read_bytes() for source in sources] == before


def test_a_preview_and_a_comparison(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 12)
    done = rtstyle(source, tmp_path / "stills", "--preview", "3", "--compare")
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "stills").glob("*.png"))) == 3


def test_an_interrupted_preview_ends_with_code_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stylizer = small_stylizer()
    paint = stylizer.paint_one

    def interrupted(picture: np.ndarray) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGTERM)
        return paint(picture)

    monkeypatch.setattr(stylizer, "paint_one", interrupted)
    monkeypatch.setattr("rtstyle.cli.video.open_stylizer", lambda *_, **__: stylizer)
    source = write_clip(tmp_path / "in.mp4", 12)
    done = rtstyle(source, tmp_path / "stills", "--preview", "3")
    assert done.exit_code == 130
    assert [it.name for it in (tmp_path / "stills").iterdir()] == ["in_01.png"]
    assert done.stdout.split() == [str(tmp_path / "stills" / "in_01.png")]


def test_a_stop_before_the_first_frame_names_no_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*words: Any, stop: threading.Event, **more: Any) -> FilmReport:
        stop.set()
        return paint_film(*words, stop=stop, **more)

    monkeypatch.setattr("rtstyle.video.film.paint_film", stopped)
    source = write_clip(tmp_path / "in.mp4", 12)
    done = rtstyle(source, tmp_path / "out.mp4")
    assert done.exit_code == 130
    assert done.stdout == ""
    assert "interrupted before the first frame was written" in done.stderr
    assert [it.name for it in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in.mp4"], "at least one film"),
        (["absent.mp4", "out.mp4"], "there is no file"),
        (["in.mp4", "in.mp4"], "is the input"),
        (["in.mp4", "out.mp4", "--start", "soon"], "neither seconds"),
        (["in.mp4", "out.mp4", "--start", "3", "--end", "2"], "not after start"),
        (["in.mp4", "out.mp4", "--bitrate", "lots"], "4M"),
        (["in.mp4", "out.mp4", "--codec", "vp8"], "vp9"),
        (["in.mp4", "out.mp4", "--size", "big"], "WIDTHxHEIGHT"),
        (["in.mp4", "nowhere/out.mp4"], "does not exist"),
    ],
)
def test_mistakes_are_one_line_and_code_two(tmp_path: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "in.mp4", 3)
    monkeypatch.chdir(tmp_path)
    done = rtstyle(*words)
    assert isinstance(done.exception, UsageError | RTStyleError)
    assert done.exception.exit_code == 2
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
    assert [it.name for it in tmp_path.iterdir()] == ["in.mp4"]


def test_times() -> None:
    assert [parse_time(text) for text in (None, "75.5", "1:15.5", "0:01:15.5")] == [None, 75.5, 75.5, 75.5]
    with pytest.raises(UsageError):
        parse_time("1:x")
