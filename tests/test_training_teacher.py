"""Learning from optimised pictures: lessons, and a network that follows them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training_parts import recipe_for, train, write_picture

from rtstyle.errors import TrainingError, UsageError
from rtstyle.training.teacher import Lessons


def test_a_teacher_is_followed(tmp_path: Path, untrained: dict[str, Path]) -> None:
    """Taught nothing but inverted photos, the network moves towards them and away from the photos."""
    recipe, given = recipe_for(
        tmp_path,
        steps=14,
        warmup=1,
        learning_rate=0.01,
        batch_size=1,
        style_layers=["relu1_1"],
        content_layers=["relu1_1"],
        teacher_weight=1000.0,
        strength_share=0.0,
        content_weight=0.0,
        style_weight=0.0,
    )
    for path in given["photos"]:
        photo = np.asarray(Image.open(path))
        (tmp_path / "wave").mkdir(exist_ok=True)
        Image.fromarray(255 - photo).save(tmp_path / "wave" / f"{path.stem}.png")
    trainer = train(recipe, given, loss_weights=untrained["vgg19"], teacher=tmp_path)
    rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    taught = [float(row[rows[0].index("teacher")]) for row in rows[1:]]
    assert np.mean(taught[-3:]) < 0.8 * np.mean(taught[:3])
    assert trainer.step == 14


def test_lessons_show_the_same_place_of_both(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png", 120, 160)
    write_picture(tmp_path / "photos" / "unpainted.png")
    painted = 255 - np.asarray(Image.open(tmp_path / "photos" / "a.png").resize((128, 96), Image.Resampling.LANCZOS))
    (tmp_path / "scream").mkdir()
    Image.fromarray(painted).save(tmp_path / "scream" / "a.png")
    lessons = Lessons(tmp_path, ["wave", "scream"], batch_size=3, image_size=64, seed=1)
    for lesson in itertools.islice(lessons, 3):
        assert lesson.photos.shape == lesson.taught.shape == (3, 3, 64, 64)
        assert lesson.chosen.tolist() == [1, 1, 1]
        assert torch.allclose(lesson.taught, 1 - lesson.photos, atol=2 / 255)


def test_a_lesson_that_cannot_be_read_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        write_picture(tmp_path / "photos" / f"{name}.png")
        write_picture(tmp_path / "wave" / f"{name}.png")
    (tmp_path / "wave" / "b.png").write_bytes(b"damaged")
    lessons = Lessons(tmp_path, ["wave"], batch_size=4, image_size=64, seed=1)
    assert len(list(itertools.islice(lessons, 4))) == 4
    assert [record.message.partition(":")[0] for record in caplog.records] == ["skipped"]
    (tmp_path / "wave" / "a.png").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="none of the teacher's pairs"):
        next(iter(Lessons(tmp_path, ["wave"], batch_size=4, image_size=64, seed=1)))


def test_a_teacher_without_pairs_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "photos" / "a.png")
    write_picture(tmp_path / "wave" / "b.png")
    with pytest.raises(UsageError, match=r"no pair in .*photos/NAME.jpg and wave/NAME.jpg"):
        Lessons(tmp_path, ["wave"], batch_size=1, image_size=64, seed=1)
