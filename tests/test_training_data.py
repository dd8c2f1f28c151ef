"""What the trainer is fed: photos, paintings and synthetic motion."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle.errors import TrainingError, UsageError
from rtstyle.training.data import PhotoBatches, held_out, list_pictures, load_painting, load_picture, training_photos
from rtstyle.training.motion import Motion, MotionConfig


def test_unreadable_photos_are_skipped_with_one_warning_each(
    tmp_path: Path, photo_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = next(iter(sorted(photo_folder.iterdir())))
    (tmp_path / "a.jpg").write_bytes(good.read_bytes())
    (tmp_path / "truncated.jpg").write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "labels.json").write_text("{}")
    batches = PhotoBatches(list_pictures(tmp_path), batch_size=2, image_size=64, photo_scale=(64, 80), seed=0)
    stream = iter(batches)
    for _ in range(4):
        batch = next(stream)
        assert batch.shape == (2, 3, 64, 64)
        assert batch.min() >= 0
        assert batch.max() <= 1
    warned = [record.getMessage() for record in caplog.records]
    assert sum("truncated.jpg" in message for message in warned) == 1
    assert sum("text.png" in message for message in warned) == 1


def test_folders_and_paintings_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of photos"):
        list_pictures(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no pictures"):
        list_pictures(tmp_path)
    Image.new("RGB", (63, 200)).save(tmp_path / "thin.png")
    with pytest.raises(UsageError, match="at least 64"):
        load_painting(tmp_path / "thin.png", 512)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8broken")
    with pytest.raises(TrainingError, match="not a readable picture"):
        load_painting(tmp_path / "broken.jpg", 512)
    batches = PhotoBatches([tmp_path / "broken.jpg"], batch_size=1, image_size=64, photo_scale=(64, 64), seed=0)
    with pytest.raises(TrainingError, match="none of the 1 photos"):
        next(iter(batches))


def test_a_painting_is_read_as_it_will_be_shown(tmp_path: Path) -> None:
    """A 16-bit grey, of which a plain conversion makes white."""
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    assert load_picture(tmp_path / "deep.png").mean() == pytest.approx(127.5, abs=0.5)


def test_held_out_photos_are_never_trained_on() -> None:
    paths = [Path(f"{index:04d}.jpg") for index in range(95)]
    assert held_out(paths) == [Path(f"{index:04d}.jpg") for index in range(9, 95, 10)]
    assert not set(held_out(paths)) & set(training_photos(paths))
    assert len(training_photos(paths)) + len(held_out(paths)) == 95


def test_workers_share_the_photos_out(photo_folder: Path) -> None:
    paths = list_pictures(photo_folder)
    parts = [
        PhotoBatches(paths, batch_size=1, image_size=64, photo_scale=(64, 64), seed=0, rank=r, world=2).paths for r in (0, 1)
    ]
    assert sorted(parts[0] + parts[1]) == paths
    assert not set(parts[0]) & set(parts[1])


def test_motion_moves_by_its_grid_and_masks_what_comes_from_outside() -> None:
    config = MotionConfig(shift=0.2, zoom=0, rotation=0, elastic=0, still=0)
    motion = Motion.random(1, (64, 64), config, torch.Generator().manual_seed(3))
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    moved = motion.warp(ramp)
    offset = float(motion.grid[0, 32, 32, 0]) - (2 * 32.5 / 64 - 1)
    inside = motion.mask[0, 0].bool()
    assert torch.allclose((moved - ramp)[0, 0][inside], torch.tensor(offset / 2 * 64 / 63), atol=0.02)
    assert 0.5 < float(motion.mask.mean()) < 1
    still = Motion.random(1, (64, 64), dataclasses.replace(config, still=1.0), torch.Generator())
    assert torch.allclose(still.warp(ramp), ramp, atol=1e-5)
