"""``--resume``: what an earlier run left is gone on with, and nothing else."""

from __future__ import annotations

import json
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import numbered, read_film, small_stylizer, write_clip
from film_runs import Slow, interrupted_run
from PIL import Image

from rtstyle.errors import UsageError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sinks.resuming import Ticket
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Look
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def slow() -> Slow:
    stylizer = small_stylizer()
    return Slow(stylizer.bank, stylizer.look)


@pytest.mark.parametrize(
    ("extension", "write"),
    [
        ("mp4", VideoOptions()),
        ("mkv", VideoOptions()),
        ("mp4", VideoOptions(codec="hevc")),
        ("webm", VideoOptions(codec="vp9")),
        ("mkv", VideoOptions(codec="ffv1")),
    ],
)
def test_resume_gives_the_film_that_was_meant(tmp_path: Path, slow: Slow, extension: str, write: VideoOptions) -> None:
    times = [2 * i + (i % 3 == 0) for i in range(40)]
    source = write_clip(tmp_path / "in.mp4", 40, times=times, time_base=Fraction(1, 50), audio=["aac"], options={"bf": "2"})
    output = tmp_path / f"out.{extension}"
    options = FilmOptions(write=write, resume=True)
    first = interrupted_run(source, output, slow, 9, options)
    second = interrupted_run(source, output, slow, 9, options)
    assert 9 <= first < second < 40
    report = paint_film(str(source), output, slow, options)
    assert report.frames == 40
    assert report.stats.frames == 40 - second
    before, after = read_film(source), read_film(output)
    assert [float(t) for t in after.times] == pytest.approx([float(t) for t in before.times], abs=0.0006)
    for old, new in zip(before.pictures, after.pictures, strict=True):
        assert np.abs(old.astype(int) - new).mean() < 2
    if extension != "webm":
        heard = [data for time, data in before.track("aac") if time >= 0 or extension == "mp4"]
        assert [data for _, data in after.track("aac")] == heard
    assert sorted(it.name for it in tmp_path.iterdir()) == ["in.mp4", output.name]


@pytest.mark.parametrize("extension", ["ts", "flv"])
def test_resume_goes_on_where_a_container_moved_the_times(tmp_path: Path, slow: Slow, extension: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 40, audio=["aac"])
    output, whole = tmp_path / f"out.{extension}", tmp_path / f"whole.{extension}"
    options = FilmOptions(write=VideoOptions(preset="medium"), resume=True)  # with B-frames, which is what they are moved for
    interrupted_run(source, output, slow, 9, options)
    interrupted_run(source, output, slow, 9, options)
    paint_film(str(source), output, slow, options)
    paint_film(str(source), whole, slow, options)
    resumed, meant = read_film(output), read_film(whole)
    assert len(resumed.times) == 40
    assert [float(t) for t in resumed.times] == pytest.approx([float(t) for t in meant.times], abs=0.001)
    assert resumed.track("aac") == meant.track("aac")


@pytest.mark.parametrize(
    ("extension", "codec"), [("mp4", "h264"), ("mkv", "hevc"), ("webm", "vp9"), ("mp4", "av1"), ("ts", "h264"), ("mkv", "ffv1")]
)
def test_resume_after_the_last_frame_only_finishes(tmp_path: Path, slow: Slow, extension: str, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 20, audio=["aac"])
    output = tmp_path / f"out.{extension}"
    options = FilmOptions(write=VideoOptions(codec=codec), resume=True, compare=True)
    assert interrupted_run(source, output, slow, 20, options) == 20
    report = paint_film(str(source), output, slow, options)
    assert report.complete
    assert report.frames == 20
    film = read_film(output)
    assert len(film.times) == 20
    assert film.stream["size"] == (48, 128)
    assert len(film.kinds) == 2
    assert sorted(it.name for it in tmp_path.iterdir()) == ["in.mp4", output.name]


@pytest.mark.parametrize("resume", [True, False])
def test_a_stop_before_the_first_frame_keeps_what_an_earlier_run_left(tmp_path: Path, slow: Slow, resume: bool) -> None:
    source, output = write_clip(tmp_path / "in.mp4", 40), tmp_path / "out.mp4"
    first = interrupted_run(source, output, slow, 9, FilmOptions())
    stop = threading.Event()
    stop.set()
    report = paint_film(str(source), output, slow, FilmOptions(resume=resume), stop=stop)
    assert report.interrupted
    assert report.frames == (first if resume else 0)
    assert report.output == (tmp_path / "out.partial.mp4" if resume else output)
    assert paint_film(str(source), output, slow, FilmOptions(resume=True)).stats.frames == 40 - first
    assert len(read_film(output).times) == 40


def test_films_of_one_name_have_tickets_of_their_own(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)
    interrupted_run(source, tmp_path / "out.mp4", slow, 5, FilmOptions())
    interrupted_run(source, tmp_path / "out.mkv", slow, 20, FilmOptions())
    assert paint_film(str(source), tmp_path / "out.mp4", slow, FilmOptions(resume=True)).frames == 40
    assert len(read_film(tmp_path / "out.mp4").times) == 40
    assert paint_film(str(source), tmp_path / "out.mkv", slow, FilmOptions(resume=True)).frames == 40


def test_a_ticket_of_another_partial_film_is_refused(tmp_path: Path, slow: Slow) -> None:
    source, output = write_clip(tmp_path / "in.mp4", 40), tmp_path / "out.mp4"
    frames = interrupted_run(source, output, slow, 9, FilmOptions())
    ticket = json.loads(Ticket.path(output).read_text())
    Ticket.path(output).write_text(json.dumps({**ticket, "frames": frames + 3}))
    with pytest.raises(UsageError, match=f"holds {frames} frames, not the {frames + 3}"):
        paint_film(str(source), output, slow, FilmOptions(resume=True))


def test_numbered_pictures_are_kept_but_not_gone_on_with(tmp_path: Path, slow: Slow) -> None:
    for index in range(30):
        Image.fromarray(numbered(index)).save(tmp_path / f"in_{index:03d}.png")
    source, output = tmp_path / "in_%03d.png", tmp_path / "out.mp4"
    frames = interrupted_run(source, output, slow, 9, FilmOptions())
    assert len(read_film(tmp_path / "out.partial.mp4").times) == frames
    assert not Ticket.path(output).exists()
    with pytest.raises(UsageError, match="--resume needs a file"):
        paint_film(str(source), output, slow, FilmOptions(resume=True))


def test_resume_with_other_options_is_refused(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)
    interrupted_run(source, tmp_path / "out.mp4", slow, 9, FilmOptions())
    for changed in (FilmOptions(resume=True, scale=0.5), FilmOptions(resume=True, write=VideoOptions(crf=30))):
        with pytest.raises(UsageError, match="other options"):
            paint_film(str(source), tmp_path / "out.mp4", slow, changed)
    assert Ticket.path(tmp_path / "out.mp4").exists()


def test_resume_with_other_paint_is_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 40)
    bank = StyleBank.load(tier="live")
    slow = Slow(bank, Look(mix=StyleMix.parse("wave")))
    interrupted_run(source, tmp_path / "out.mp4", slow, 9, FilmOptions())
    bank.vectors["wave"] *= 0.3
    with pytest.raises(UsageError, match="other options"):
        paint_film(str(source), tmp_path / "out.mp4", slow, FilmOptions(resume=True))


def test_a_gif_is_not_gone_on_with(tmp_path: Path, slow: Slow) -> None:
    source, output = write_clip(tmp_path / "in.mp4", 40), tmp_path / "out.gif"
    interrupted_run(source, output, slow, 9, FilmOptions())
    assert not Ticket.path(output).exists()
    with pytest.raises(UsageError, match="GIF cannot be gone on with"):
        paint_film(str(source), output, slow, FilmOptions(resume=True))


def test_resume_without_anything_to_resume_starts(tmp_path: Path, slow: Slow) -> None:
    source = write_clip(tmp_path / "in.mp4")
    assert paint_film(str(source), tmp_path / "out.mp4", slow, FilmOptions(resume=True)).frames == 12
