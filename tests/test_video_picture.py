"""Picture: upright, progressive, with the right colours and the right shape."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from clips import BARS, HEIGHT, WIDTH, Colour, bars, numbered, read_film, small_stylizer, write_clip
from PIL import Image

from rtstyle.errors import UsageError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sources.hdr import HLG, PQ
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film

LOSSLESS = FilmOptions(write=VideoOptions(codec="ffv1"))


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


def first_picture(path: Path, options: ReadOptions | None = None) -> np.ndarray:
    with VideoSource(path, options) as film:
        return next(iter(film)).data


def bar_centres(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return picture[height // 2, [(2 * i + 1) * width // 16 for i in range(8)]].astype(int)


def assert_bars(picture: np.ndarray, levels: int = 2) -> None:
    assert np.abs(bar_centres(picture) - np.array(BARS)).max() <= levels


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"])
def test_colour_bars_come_back(tmp_path: Path, untouched: Stylizer, matrix: int, full: bool, pixel_format: str) -> None:
    colour = Colour(matrix=matrix, full=full, primaries=matrix)
    source = write_clip(
        tmp_path / "in.mp4",
        [bars((64, 256))] * 2,
        pixel_format=pixel_format,
        colour=colour,
        options={"crf": "0", "preset": "ultrafast"},
    )
    assert_bars(first_picture(source))
    # Quality 8: at the usual 18 the codec itself may be off by a third level.
    paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(write=VideoOptions(crf=8)))
    film = read_film(tmp_path / "out.mp4")
    assert_bars(film.pictures[0])
    tags = (film.stream["matrix"], film.stream["primaries"], film.stream["transfer"], film.stream["range"])
    assert tags == (1, 1, 1, 1)


@pytest.mark.parametrize(("size", "matrix"), [((HEIGHT, WIDTH), 6), ((720, 1280), 1)])
def test_untagged_film_is_601_when_small_and_709_when_large(tmp_path: Path, size: tuple[int, int], matrix: int) -> None:
    colour = Colour(matrix=matrix, tagged=False)
    source = write_clip(tmp_path / "in.mkv", [bars(size)], colour=colour, codec="ffv1", options={"level": "3"})
    assert_bars(first_picture(source))


def test_gif_and_rgb_sources(tmp_path: Path) -> None:
    # Full colours: rgb8, which has 8, 8 and 4 levels a channel, dithers them.
    picture = np.where(bars() > 0, 255, 0).astype(np.uint8)
    for name, codec, pixel_format in (("in.gif", "gif", "rgb8"), ("in.mkv", "ffv1", "bgr0"), ("in.mov", "png", "rgb24")):
        source = write_clip(tmp_path / name, [picture] * 2, codec=codec, pixel_format=pixel_format)
        assert np.abs(first_picture(source).astype(int) - picture).mean() <= (8 if codec == "gif" else 0)


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    picture = np.dstack([bars(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    picture[:, : WIDTH // 2, 3] = 0
    source = write_clip(tmp_path / "in.mov", [picture], codec="png", pixel_format="rgba")
    seen = first_picture(source)
    assert seen[:, : WIDTH // 2].max() == 0
    assert np.array_equal(seen[:, WIDTH // 2 :], bars()[:, WIDTH // 2 :])


MATRICES = {
    (1, 0, 0, 1): lambda picture: picture,
    (-1, 0, 0, 1): lambda picture: picture[:, ::-1],
    (1, 0, 0, -1): lambda picture: picture[::-1],
    (-1, 0, 0, -1): lambda picture: picture[::-1, ::-1],
    (0, 1, -1, 0): lambda picture: np.rot90(picture, -1),
    (0, -1, 1, 0): lambda picture: np.rot90(picture),
    (0, 1, 1, 0): lambda picture: np.swapaxes(picture, 0, 1),
    (0, -1, -1, 0): lambda picture: np.swapaxes(picture[::-1, ::-1], 0, 1),
    (0, 0, 0, 0): lambda picture: picture,  # some cameras fill theirs with zeros
}


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_turn_and_mirror_is_honoured(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    picture = bars()
    picture[: HEIGHT // 2, : WIDTH // 2] = 255
    source = write_clip(tmp_path / "in.mp4", [picture] * 3)
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 44
    for offset, number in zip((0, 4, 12, 16), matrix, strict=True):
        data[place + offset : place + offset + 4] = (number * 65536).to_bytes(4, "big", signed=True)
    source.write_bytes(data)
    upright = MATRICES[matrix](picture)
    with VideoSource(source) as film:
        assert film.info.size == upright.shape[:2]
        assert np.abs(next(iter(film)).data.astype(int) - upright).mean() < 10


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_pictures_with_exif_are_a_film_and_upright(tmp_path: Path, untouched: Stylizer, orientation: int, turn: int) -> None:
    picture = bars()
    picture[: HEIGHT // 2, : WIDTH // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    for index in range(3):
        Image.fromarray(picture).save(tmp_path / f"in_{index:03d}.jpg", exif=exif, quality=95, subsampling=0)
    paint_film(f"{tmp_path}/in_%03d.jpg", tmp_path / "out.mkv", untouched, LOSSLESS)
    film = read_film(tmp_path / "out.mkv")
    assert len(film.pictures) == 3
    assert np.abs(film.pictures[0].astype(int) - np.rot90(picture, turn)).mean() < 6


def test_grey_films_are_read_in_their_range(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(16, 235, WIDTH).round().astype(np.uint8)[None, :, None], (HEIGHT, WIDTH, 3))
    for codec, full in (("libx265", False), ("ffv1", True)):
        source = tmp_path / f"{codec}.mkv"
        with av.open(str(source), "w") as output:
            stream = output.add_stream(codec, rate=25, options={"crf": "1"} if codec == "libx265" else {})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
            stream.codec_context.color_range = ColorRange.JPEG if full else ColorRange.MPEG
            frame = av.VideoFrame(WIDTH, HEIGHT, "gray")
            frame.planes[0].update(np.pad(ramp[..., 0], ((0, 0), (0, frame.planes[0].line_size - WIDTH))).tobytes())
            frame.color_range = stream.codec_context.color_range
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        with VideoSource(source) as film:
            seen = next(iter(film)).data[HEIGHT // 2, :, 0].astype(int)
        wanted = ramp[0, :, 0].astype(float) if full else (ramp[0, :, 0].astype(float) - 16) * 255 / 219
        assert np.abs(seen - wanted).mean() < 2


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_honoured(tmp_path: Path, untouched: Stylizer, turn: int) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = 255
    source = write_clip(tmp_path / "in.mp4", [picture] * 3, rotation=turn, aspect=Fraction(4, 3))
    upright = np.rot90(picture, turn // 90)
    with VideoSource(source) as film:
        assert film.info.size == upright.shape[:2]
        assert film.info.pixel_aspect == (Fraction(4, 3) if turn == 180 else Fraction(3, 4))
        assert np.abs(next(iter(film)).data.astype(int) - upright).mean() < 8
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    with av.open(str(tmp_path / "out.mp4")) as film:
        frame = next(film.decode(video=0))
        assert frame.rotation == 0
        assert (frame.height, frame.width) == upright.shape[:2]


def test_pixel_aspect_is_kept(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 3, aspect=Fraction(64, 51))
    for name in ("out.mp4", "out.mkv"):
        paint_film(str(source), tmp_path / name, untouched)
        assert read_film(tmp_path / name).stream["aspect"] == Fraction(64, 51)


def test_pixel_aspect_follows_the_size(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", [bars((144, 180))] * 3, aspect=Fraction(64, 45))
    for name, options, aspect in (
        ("sized", FilmOptions(size="256x144"), None),  # square
        ("same", FilmOptions(size="90x72"), Fraction(64, 45)),
        ("scaled", FilmOptions(scale=0.35), Fraction(64, 45)),
    ):
        paint_film(str(source), tmp_path / f"{name}.mp4", untouched, options)
        assert read_film(tmp_path / f"{name}.mp4").stream["aspect"] == aspect


def _combed(index: int) -> np.ndarray:
    """Two fields of a bright bar that moves: even lines show it where odd lines do not."""
    picture = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    left = 2 + 8 * index
    picture[::2, left : left + 16] = 220
    picture[1::2, left + 4 : left + 20] = 220
    return picture


def _combing(picture: np.ndarray) -> float:
    """How much neighbouring lines differ beyond what lines two apart do."""
    lines = picture.astype(int).mean(axis=2)
    return float(np.abs(lines[1:] - lines[:-1]).mean() - np.abs(lines[2:] - lines[:-2]).mean())


def test_interlaced_film_is_deinterlaced(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(
        tmp_path / "in.mp4", [_combed(i) for i in range(6)], interlaced=True, options={"crf": "10", "x264-params": "tff=1"}
    )
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    kept = paint_film(str(source), tmp_path / "kept.mp4", untouched, FilmOptions(read=ReadOptions(deinterlace=False)))
    before, after, same = (read_film(path) for path in (source, tmp_path / "out.mp4", tmp_path / "kept.mp4"))
    assert after.times == before.times
    assert _combing(same.pictures[3]) > 20
    assert _combing(after.pictures[3]) < 4
    assert any("deinterlaced" in notice for notice in report.notices)
    assert kept.notices == []


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (47, 64)])
def test_odd_sizes_keep_their_size(tmp_path: Path, untouched: Stylizer, size: tuple[int, int]) -> None:
    source = write_clip(tmp_path / "in.mkv", [numbered(i, size) for i in range(3)], codec="ffv1", pixel_format="bgr0")
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    film = read_film(tmp_path / "out.mp4")
    assert film.pictures[0].shape[:2] == size
    assert any("odd side" in notice for notice in report.notices)
    for codec, name in (("vp9", "out.webm"), ("ffv1", "out.mkv")):
        paint_film(str(source), tmp_path / name, untouched, FilmOptions(write=VideoOptions(codec=codec)))
        assert read_film(tmp_path / name).pictures[0].shape[:2] == size


def test_odd_sizes_in_halved_chroma_are_refused(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mkv", [numbered(i, (47, 63)) for i in range(3)], codec="ffv1", pixel_format="bgr0")
    with pytest.raises(UsageError, match="62x46"):
        paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(write=VideoOptions(pixel_format="yuv420p")))
    assert list(tmp_path.iterdir()) == [source]


def test_ffv1_gives_back_every_byte(tmp_path: Path, untouched: Stylizer) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for i in range(3)]
    source = write_clip(tmp_path / "in.mkv", noise, codec="ffv1", pixel_format="bgr0")
    paint_film(str(source), tmp_path / "out.mkv", untouched, LOSSLESS)
    for old, new in zip(noise, read_film(tmp_path / "out.mkv").pictures, strict=True):
        assert np.array_equal(old, new)


def _hdr_clip(path: Path, code: float, transfer: int) -> Path:
    grey = round(64 + 876 * code)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25, options={"level": "3"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, transfer, 1
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
        for number, plane in enumerate(frame.planes):
            np.frombuffer(plane, np.uint16)[:] = grey if number == 0 else 512
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


# Signal levels of ITU-R BT.2408-7 table 1: reference white is 58 % PQ and 75 % HLG; 18 % grey is 38 % in both.
@pytest.mark.parametrize(("transfer", "grey", "white"), [(PQ, 0.38, 0.58), (HLG, 0.38, 0.75)])
def test_hdr_is_tone_mapped(tmp_path: Path, transfer: int, grey: float, white: float) -> None:
    def level(code: float) -> int:
        return int(first_picture(_hdr_clip(tmp_path / f"{code}.mkv", code, transfer))[5, 5, 0])

    assert level(0.0) == 0
    # A grey card is 26 cd/m2 there; below the knee light keeps its share of white: (26 / 203) ** (1 / 2.4) of the signal.
    assert level(grey) == pytest.approx(108, abs=4)
    assert 215 <= level(white) <= 250
    assert level(white) < level(white + 0.08) < level(white + 0.14) <= 255


def test_hdr_is_said_so(tmp_path: Path, untouched: Stylizer) -> None:
    source = _hdr_clip(tmp_path / "in.mkv", 0.5, PQ)
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert any("HDR" in notice for notice in report.notices)
    assert read_film(tmp_path / "out.mp4").stream["transfer"] == 1


def test_a_change_of_size_in_mid_stream_is_fitted(tmp_path: Path) -> None:
    parts = [
        write_clip(tmp_path / f"{i}.ts", [numbered(j, size) for j in range(4)]) for i, size in enumerate([(48, 64), (96, 128)])
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoSource(joined) as film:
        assert {frame.size for frame in film} == {(48, 64)}
