"""What every source promises, tried on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from live_parts import LiveFrames, picture
from PIL import Image

from rtstyle.errors import RTStyleError, SourceError, UsageError
from rtstyle.frame import Frame
from rtstyle.live.inputs import open_input
from rtstyle.sources.base import Source
from rtstyle.sources.device import DeviceSource, generator
from rtstyle.sources.images import ImageSource
from rtstyle.sources.memory import MemorySource
from rtstyle.sources.paced import PacedSource
from rtstyle.sources.still import StillSource
from rtstyle.sources.supervised import Patience, SupervisedSource
from rtstyle.sources.video import VideoSource

FRAMES = 6


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``clip.mp4`` of six frames and ``still.png``, 64x48 both."""
    folder = tmp_path_factory.mktemp("media")
    with av.open(str(folder / "clip.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=50)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture(40 * index), format="rgb24")))
        output.mux(stream.encode(None))
    Image.fromarray(picture(120)).save(folder / "still.png")
    return folder


Maker = Callable[[Path], Source]
SOURCES: dict[str, Maker] = {
    "memory": lambda media: MemorySource([picture(value) for value in range(FRAMES)]),
    "image": lambda media: ImageSource(media / "still.png"),
    "video": lambda media: VideoSource(media / "clip.mp4"),
    "paced film": lambda media: PacedSource(lambda: VideoSource(media / "clip.mp4")),
    "looped film": lambda media: PacedSource(lambda: VideoSource(media / "clip.mp4"), loop=True),
    "still": lambda media: StillSource(picture(70), size=(48, 64), rate=Fraction(100)),
    "generator": lambda media: DeviceSource(generator("testsrc=size=64x48:rate=50")),
    "supervised": lambda media: SupervisedSource(lambda: LiveFrames(20, interval=0.01)),
    "named film": lambda media: open_input(str(media / "clip.mp4")),
    "named still": lambda media: open_input(str(media / "still.png"), size=(48, 64)),
    "named generator": lambda media: open_input("lavfi:testsrc=size=64x48:rate=50"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_frames_are_as_promised(name: str, media: Path) -> None:
    with SOURCES[name](media) as source:
        info = source.info
        frames = list(islice(source, FRAMES))
    assert frames
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame in frames:
        assert frame.data.dtype == np.uint8
        assert frame.data.shape == (*info.size, 3) == (48, 64, 3)
        assert frame.data.flags["C_CONTIGUOUS"]
        assert frame.time_base == info.time_base
        if info.live:
            assert frame.captured_at is not None
    times = [frame.pts_seconds for frame in frames]
    assert times == sorted(set(times))
    assert info.rate is None or isinstance(info.rate, Fraction)
    assert info.name


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_can_be_left_before_it_was_read(name: str, media: Path) -> None:
    with SOURCES[name](media) as source:
        assert source.info.size == (48, 64)


@pytest.mark.parametrize(
    "text", ["no-such-film.mp4", "no-such-picture.png", "lavfi:no_such_filter", "rtsp://127.0.0.1:9/x", "", "v4l2:/dev/no-such"]
)
def test_what_cannot_be_opened_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RTStyleError) as error, open_input(text):
        pass
    assert "\n" not in str(error.value)


def test_a_film_may_be_named_as_an_address(media: Path) -> None:
    with open_input(f"file:{media / 'clip.mp4'}") as source:
        assert next(iter(source)).size == source.info.size


def test_a_missing_camera_says_what_else_there_is() -> None:
    with pytest.raises(SourceError, match=r"camera 63.*--source"), open_input("63"):
        pass


def test_a_paced_film_ends_once_and_loops_on_request(media: Path) -> None:
    with PacedSource(lambda: VideoSource(media / "clip.mp4")) as source:
        assert len(list(source)) == FRAMES
    with PacedSource(lambda: VideoSource(media / "clip.mp4"), loop=True) as source:
        frames = list(islice(source, 3 * FRAMES))
    assert len(frames) == 3 * FRAMES
    assert np.array_equal(frames[0].data, frames[FRAMES].data)


@pytest.mark.parametrize("loop", [False, True])
def test_a_paced_film_takes_its_time(media: Path, loop: bool) -> None:
    """Also where only what has an end is paced: a film that is repeated has one."""
    with PacedSource(lambda: VideoSource(media / "clip.mp4"), loop=loop, only_finite=True) as source:
        frames = list(islice(source, FRAMES))
    captured = [frame.captured_at or 0.0 for frame in frames]
    assert captured[-1] - captured[0] > 0.5 * (FRAMES - 1) / 50


@pytest.mark.parametrize("name", ["clip.mp4", "lavfi:testsrc=size=64x48:rate=50"])
def test_films_are_brought_to_a_size(media: Path, name: str) -> None:
    with open_input(name if ":" in name else str(media / name), size=(20, 32)) as source:
        assert source.info.size == (20, 32)
        assert [frame.size for frame in islice(source, 2)] == [(20, 32)] * 2


def test_a_still_moves_and_comes_back() -> None:
    spread = np.linspace(0, 255, 200).astype(np.uint8)[None, :, None].repeat(100, 0).repeat(3, 2)
    source = StillSource(spread, size=(50, 80))
    assert np.array_equal(source.view(0.0), source.view(1.0))
    assert not np.array_equal(source.view(0.0), source.view(0.3))


class Dying(LiveFrames):
    """Five frames, then gone."""

    def __iter__(self) -> Iterator[Frame]:
        yield from super().__iter__()
        raise SourceError("unplugged")


def test_a_source_that_dies_is_shown_as_gone_and_comes_back() -> None:
    opened: list[int] = []

    def plug_in() -> Source:
        opened.append(1)
        if len(opened) == 2:
            raise SourceError("not there yet")
        return Dying(5, interval=0.01) if len(opened) == 1 else LiveFrames(None, interval=0.01, size=(24, 32))

    patience = Patience(first_delay=0.05, longest_delay=0.2)
    with SupervisedSource(plug_in, patience=patience) as source:
        frames: list[Frame] = []
        for frame in source:
            frames.append(frame)
            if len(opened) == 3 and not frame.notice:
                break
    assert len(opened) == 3
    notices = [frame.notice for frame in frames if frame.notice]
    assert notices
    assert "gone" in notices[0]
    assert not frames[0].notice
    assert frames[-1].size == (48, 64), "it came back smaller, the outputs keep their size"
    assert [frame.pts for frame in frames] == sorted({frame.pts for frame in frames})


def test_a_silent_source_counts_as_lost() -> None:
    opened: list[int] = []

    def plug_in() -> Source:
        opened.append(1)
        return LiveFrames(None, interval=0.01 if len(opened) > 1 else 60.0)

    patience = Patience(silence=0.3, first_delay=0.02)
    with SupervisedSource(plug_in, patience=patience) as source:
        assert next(iter(source)).size == (48, 64)
    assert len(opened) == 2


def test_only_the_first_opening_is_an_error() -> None:
    def refuse() -> Source:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"), SupervisedSource(refuse):
        pass


def test_a_picture_with_damaged_exif_is_one_clear_line(tmp_path: Path) -> None:
    Image.fromarray(picture(120)).save(tmp_path / "still.webp", exif=b"Exif\0\0II*\0")
    with pytest.raises(SourceError, match="not a readable picture"):
        ImageSource(tmp_path / "still.webp").__enter__()
