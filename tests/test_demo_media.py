"""The sample media are what the README says, and the script that made them still makes them."""

from __future__ import annotations

import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="module")
def script(repository: Path) -> dict[str, Any]:
    pytest.importorskip("skimage", reason="the photos come with scikit-image")
    return runpy.run_path(str(repository / "demos" / "make_media.py"))


def decode(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_clip_is_a_short_video_with_sound(repository: Path) -> None:
    clip = repository / "demos" / "clip.mp4"
    assert clip.stat().st_size < 1_000_000
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 640, 360)
        assert (video.codec_context.colorspace, video.codec_context.color_range) == (1, 1)
        assert audio.codec_context.name == "aac"
        rate = float(video.average_rate or 1)
    frames = decode(clip)
    assert 5 <= len(frames) / rate <= 8
    changes = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert min(changes) > 0.5, "the picture stands still"
    assert max(changes) < 30, "the picture jumps"
    with av.open(str(clip)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert 0.3 < np.abs(sound).max() < 1.0


def test_still_is_small_and_of_the_stated_size(repository: Path) -> None:
    still = repository / "demos" / "still.jpg"
    assert still.stat().st_size < 200_000
    with Image.open(still) as picture:
        assert (picture.format, picture.size) == ("JPEG", (960, 640))


def test_soundtrack_starts_and_ends_in_silence(script: dict[str, Any]) -> None:
    sound = script["soundtrack"](2.0)
    assert sound.shape == (2, 96_000)
    assert np.abs(sound[:, [0, -1]]).max() < 1e-3
    assert 0.5 < np.abs(sound).max() < 1.0


@pytest.mark.slow
def test_script_makes_the_stored_media_again(script: dict[str, Any], repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "demos" / "make_media.py"), "--out", str(tmp_path / "new")]
    subprocess.run(command, check=True, timeout=100)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"clip.mp4", "still.jpg"}
    for name in ("clip.mp4", "still.jpg"):
        # Encoders of other versions give other bytes, but the same pictures.
        made, stored = decode(tmp_path / "new" / name), decode(repository / "demos" / name)
        assert len(made) == len(stored)
        for index in {0, len(made) // 2, len(made) - 1}:
            error = float(np.mean((made[index].astype(np.float64) - stored[index]) ** 2))
            assert error < 255**2 / 10**3, f"frame {index} of {name} differs by more than 30 dB of noise"
