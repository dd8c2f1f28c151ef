"""Many films in one run."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from clips import read_film, small_stylizer, write_clip

from rtstyle.errors import UsageError
from rtstyle.video.film import FilmOptions
from rtstyle.video.many import Outcome, _Linked, find_films, is_many, paint_films
from rtstyle.video.progress import Bar


def run(sources: list[str], folder: Path, options: FilmOptions | None = None) -> list[Outcome]:
    stop = threading.Event()
    with Bar(hidden=True) as bar:
        films = find_films(sources)
        return list(paint_films(films, folder, small_stylizer(), options or FilmOptions(), stop=stop, bar=bar))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "a.mp4", 5)
    (folder / "b.mp4").write_text("no film at all")
    write_clip(folder / "c.avi", 6)
    write_clip(folder / "d.mkv", 7)
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_a_bad_film_does_not_stop_the_others(films: Path, tmp_path: Path) -> None:
    outcomes = run([str(films)], tmp_path / "out")
    assert [it.state for it in outcomes] == ["done", "failed", "done", "done"]
    assert sorted(it.name for it in (tmp_path / "out").iterdir()) == ["a.mp4", "c.mp4", "d.mkv"]
    assert len(read_film(tmp_path / "out" / "c.mp4").times) == 6
    assert not outcomes[1].good
    assert "no video" in outcomes[1].detail


def test_waiting_for_a_stop_ends_with_that_of_the_whole_run() -> None:
    whole = threading.Event()
    own = _Linked(whole)
    assert not own.wait(0.01)
    threading.Timer(0.1, whole.set).start()
    begun = time.monotonic()
    assert own.wait(20)
    assert time.monotonic() < begun + 10


def test_a_folder_is_not_named_like_a_film(films: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"several films go into a folder, and .*out\.mp4"):
        run([str(films)], tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_what_is_done_is_skipped(films: Path, tmp_path: Path) -> None:
    run([str(films)], tmp_path / "out")
    before = (tmp_path / "out" / "a.mp4").stat().st_mtime_ns
    outcomes = run([str(films)], tmp_path / "out")
    assert [it.state for it in outcomes] == ["already there", "failed", "already there", "already there"]
    assert (tmp_path / "out" / "a.mp4").stat().st_mtime_ns == before
    outcomes = run([str(films / "a.mp4"), str(films / "d.mkv")], tmp_path / "out", FilmOptions(overwrite=True))
    assert [it.state for it in outcomes] == ["done", "done"]
    assert (tmp_path / "out" / "a.mp4").stat().st_mtime_ns > before


def test_what_counts_as_many(films: Path, tmp_path: Path) -> None:
    assert is_many([str(films)])
    assert is_many(["a.mp4", "b.mp4"])
    assert not is_many([str(films / "a.mp4")])
    assert not is_many(["rtsp://camera/live"])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no films"):
        find_films([str(empty)])


def test_outputs_that_would_collide_are_refused(films: Path, tmp_path: Path) -> None:
    write_clip(films / "a.mkv", 3)
    with pytest.raises(UsageError, match="two inputs are named a"):
        find_films([str(films)])
    with pytest.raises(UsageError, match="is the input"):
        run([str(films / "d.mkv"), str(films / "c.avi")], films)
    with pytest.raises(UsageError, match="cannot be one"):
        run([str(films / "d.mkv"), str(films / "c.avi")], films / "a.mp4")


def test_a_folder_that_cannot_be_made_is_one_clear_line(films: Path, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="cannot be made"):
        run([str(films)], tmp_path / "out")


def test_the_bar_counts_all_frames(films: Path, tmp_path: Path) -> None:
    with Bar(hidden=True) as bar:
        expected: list[int] = []
        bar.expect = expected.append  # type: ignore[method-assign]
        found = find_films([str(films)])
        list(paint_films(found, tmp_path / "out", small_stylizer(), FilmOptions(), stop=threading.Event(), bar=bar))
    assert expected[0] == 18
