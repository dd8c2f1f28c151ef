"""Outputs: pictures, GIF, comparisons and previews, and what may be written where."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import numbered, read_film, small_stylizer, write_clip
from PIL import Image

from rtstyle.errors import UsageError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film
from rtstyle.video.preview import paint_preview


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


def test_gif(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 10, audio=["aac"], rate=10, time_base=Fraction(1, 10))
    report = paint_film(str(source), tmp_path / "out.gif", untouched)
    film, before = read_film(tmp_path / "out.gif"), read_film(source)
    assert film.times == [Fraction(i, 10) for i in range(10)]
    for old, new in zip(before.pictures, film.pictures, strict=True):
        assert np.abs(old.astype(int) - new).mean() < 4
    assert any("sound" in notice for notice in report.notices)


def test_a_gif_of_a_fast_film_keeps_its_time(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 120, rate=240, time_base=Fraction(1, 240))
    report = paint_film(str(source), tmp_path / "out.gif", untouched)
    film = read_film(tmp_path / "out.gif")
    assert len(film.times) == report.frames == 51
    assert [float(time) for time in film.times] == pytest.approx([i / 100 for i in range(51)], abs=0.006)
    assert any("69 frames" in notice for notice in report.notices)


@pytest.mark.parametrize("output", ["frames", "frames/", "frames/shot_%03d.jpg"])
def test_pictures(tmp_path: Path, untouched: Stylizer, output: str) -> None:
    source = write_clip(tmp_path / "in.mkv", 5, codec="ffv1", pixel_format="bgr0")
    if output == "frames":
        (tmp_path / "frames").mkdir()
    paint_film(str(source), f"{tmp_path}/{output}", untouched)
    made = sorted(it.name for it in (tmp_path / "frames").iterdir())
    pattern = "shot_{:03d}.jpg" if "shot" in output else "frame_{:05d}.png"
    assert made == [pattern.format(i) for i in range(1, 6)]
    last = np.asarray(Image.open(tmp_path / "frames" / made[-1]))
    assert np.abs(last.astype(int) - numbered(4)).max() <= (0 if made[0].endswith("png") else 12)
    with pytest.raises(UsageError, match="--overwrite"):
        paint_film(str(source), f"{tmp_path}/{output}", untouched)


def test_an_input_is_never_an_output(tmp_path: Path, untouched: Stylizer) -> None:
    for path in (tmp_path / "q.partial.mp4", tmp_path / "show0.ts"):
        write_clip(path, 3)
    (tmp_path / "seq").mkdir()
    for number in (2, 3):
        Image.fromarray(numbered(number)).save(tmp_path / "seq" / f"frame_{number:05d}.png")
    (tmp_path / "own.m3u8").write_text("#EXTM3U\n#EXTINF:0.12,\nshow0.ts\n#EXT-X-ENDLIST\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for source, output in (
        ("q.partial.mp4", "q.mp4"),
        ("seq/frame_%05d.png", "seq/frame_%05d.png"),
        ("seq/frame_%05d.png", "seq"),
        ("seq/frame_00002.png", "seq/"),
        ("show0.ts", "show.m3u8"),
        ("own.m3u8", "own.m3u8"),
        (f"file:{tmp_path}/show0.ts", "show0.ts"),
    ):
        name = source if source.startswith("file:") else f"{tmp_path}/{source}"
        for overwrite in (False, True):
            with pytest.raises(UsageError, match="the input"):
                paint_film(name, f"{tmp_path}/{output}", untouched, FilmOptions(overwrite=overwrite))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("there", ["show.m3u8", "show3.ts", "f_007.png", "f_1000.png"])
def test_what_is_there_is_replaced_only_when_asked(tmp_path: Path, untouched: Stylizer, there: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    (tmp_path / there).write_text("mine")
    output = f"{tmp_path}/{'show.m3u8' if there.startswith('show') else 'f_%03d.png'}"
    with pytest.raises(UsageError, match=f"{there} exists already; --overwrite"):
        paint_film(str(source), output, untouched)
    assert sorted(it.name for it in tmp_path.iterdir()) == sorted([there, "in.mp4"])
    assert paint_film(str(source), output, untouched, FilmOptions(overwrite=True)).frames == 3


@pytest.mark.parametrize("name", ["f_%02d.png", "f_%d.png"])
def test_pictures_of_a_longer_film_before_are_counted(tmp_path: Path, untouched: Stylizer, name: str) -> None:
    long, short = write_clip(tmp_path / "long.mp4", 12), write_clip(tmp_path / "short.mp4", 9)
    paint_film(str(long), f"{tmp_path}/{name}", untouched)
    report = paint_film(str(short), f"{tmp_path}/{name}", untouched, FilmOptions(overwrite=True))
    assert report.frames == 9
    assert any(f"3 pictures are of an earlier film, {tmp_path}/f_10.png among them" in notice for notice in report.notices)
    report = paint_film(str(long), f"{tmp_path}/{name}", untouched, FilmOptions(overwrite=True))
    assert not any("earlier" in notice for notice in report.notices)


def test_names_that_only_look_alike_are_no_output(tmp_path: Path, untouched: Stylizer) -> None:
    for number in (1, 2):
        Image.fromarray(numbered(number)).save(tmp_path / f"f_{number:03d}.png")
    for name in ("f_01.png", "f_x.png", "painted_f_001.png"):
        (tmp_path / name).write_text("mine")
    assert paint_film(f"{tmp_path}/f_%03d.png", f"{tmp_path}/painted_%03d.png", untouched).frames == 2
    assert (tmp_path / "painted_f_001.png").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    folder = tmp_path / "folder"
    folder.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="folder cannot be made"):
        paint_film(str(source), f"{folder}/", untouched)
    with pytest.raises(UsageError, match="folder cannot be made"):
        paint_preview(str(source), folder, 2, untouched)


def test_a_preview_that_would_replace_a_still_writes_none(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 6)
    (tmp_path / "stills").mkdir()
    (tmp_path / "stills" / "in_02.png").write_text("mine")
    with pytest.raises(UsageError, match=r"in_02\.png exists already"):
        paint_preview(str(source), tmp_path / "stills", 3, untouched)
    assert [path.name for path in (tmp_path / "stills").iterdir()] == ["in_02.png"]


def test_pictures_are_a_source_too(tmp_path: Path, untouched: Stylizer) -> None:
    for index in range(4):
        Image.fromarray(numbered(index)).save(tmp_path / f"in_{index:03d}.png")
    paint_film(f"{tmp_path}/in_%03d.png", tmp_path / "out.mkv", untouched, FilmOptions(write=VideoOptions(codec="ffv1")))
    film = read_film(tmp_path / "out.mkv")
    assert len(film.pictures) == 4
    assert np.array_equal(film.pictures[3], numbered(3))


def test_size_and_scale(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    for options, size in ((FilmOptions(size="96x72"), (72, 96)), (FilmOptions(scale=0.5), (24, 32))):
        paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(**{**vars(options), "overwrite": True}))
        assert read_film(tmp_path / "out.mp4").stream["size"] == size


def test_compare_shows_before_and_after(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 4, codec="ffv1", pixel_format="bgr0")
    painter = small_stylizer("noise")
    options = FilmOptions(compare=True, write=VideoOptions(codec="ffv1"), batch=3)
    paint_film(str(source), tmp_path / "out.mkv", painter, options)
    picture = read_film(tmp_path / "out.mkv").pictures[2]
    assert picture.shape == (48, 128, 3)
    assert np.array_equal(picture[:, :64], numbered(2))
    assert np.array_equal(picture[:, 64:], painter.paint_one(numbered(2)))


def test_the_film_is_what_the_stylizer_paints(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 5, codec="ffv1", pixel_format="bgr0")
    painter = small_stylizer("noise")
    paint_film(str(source), tmp_path / "out.mkv", painter, FilmOptions(write=VideoOptions(codec="ffv1"), batch=2))
    for index, picture in enumerate(read_film(tmp_path / "out.mkv").pictures):
        assert np.array_equal(picture, painter.paint_one(numbered(index)))


def test_preview_paints_only_stills(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 20)
    painted: list[int] = []
    painter = small_stylizer()
    paint = painter.paint

    def counted(frames: np.ndarray, look: object = None) -> np.ndarray:
        painted.append(len(frames))
        return paint(frames)

    painter.paint = counted  # type: ignore[method-assign]
    stills = paint_preview(str(source), tmp_path / "stills", 4, painter)
    assert [still.name for still in stills] == [f"in_{i:02d}.png" for i in range(1, 5)]
    assert sum(painted) == 4
    levels = [int(np.asarray(Image.open(still))[40, 40, 0]) for still in stills]
    assert levels == sorted(levels)
    assert levels[3] - levels[0] > 80


def test_a_film_keeps_no_container_open(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.streams.video[0].frames == 3
