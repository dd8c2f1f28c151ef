"""A frame is painted to the same bytes whichever way it takes: still, lossless film, memory or camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtstyle.frame import Frame
from rtstyle.pipeline import run
from rtstyle.pixels import Pixels
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sinks.images import ImageSink
from rtstyle.sinks.memory import MemorySink
from rtstyle.sinks.video import VideoSink
from rtstyle.sources.images import ImageSource
from rtstyle.sources.memory import MemorySource
from rtstyle.sources.paced import PacedSource
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer

LOSSLESS = VideoOptions(codec="ffv1", pixel_format="bgr0")


@pytest.fixture
def picture() -> Pixels:
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC))


def only_frame(sink: MemorySink) -> Frame:
    assert sink.frames
    return sink.frames[0]


def test_the_same_bytes_through_every_path(tmp_path: Path, picture: Pixels) -> None:
    stylizer = Stylizer.open("wave")
    wanted = stylizer.paint_one(picture)

    with MemorySource([picture]) as source, MemorySink() as sink:
        run(source, stylizer, [sink])
    assert np.array_equal(only_frame(sink).data, wanted)

    Image.fromarray(picture).save(tmp_path / "in.png")
    with ImageSource(tmp_path / "in.png") as source, ImageSink(tmp_path / "out.png") as still:
        run(source, stylizer, [still])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), wanted)

    none = Stylizer(stylizer.bank, "none")
    with MemorySource([picture] * 3) as source, VideoSink(tmp_path / "in.mkv", LOSSLESS) as film:
        run(source, none, [film])
    with VideoSource(tmp_path / "in.mkv") as source, VideoSink(tmp_path / "out.mkv", LOSSLESS) as film:
        run(source, stylizer, [film])
    with VideoSource(tmp_path / "out.mkv") as source:
        painted = [frame.data for frame in source]
    assert len(painted) == 3
    for data in painted:
        assert np.array_equal(data, wanted)

    with PacedSource(lambda: VideoSource(tmp_path / "in.mkv")) as camera, MemorySink() as sink:
        assert camera.info.live
        run(camera, stylizer, [sink])
    assert np.array_equal(only_frame(sink).data, wanted)
