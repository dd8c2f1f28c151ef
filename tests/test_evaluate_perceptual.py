"""The two losses, with a small random loss network: their definitions, not VGG's numbers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from rtstyle.errors import UsageError
from rtstyle.evaluate.perceptual import (
    LAYERS,
    QualityMeter,
    evaluation_photo,
    find_painting,
    measure_quality,
    quoted_photos,
)
from rtstyle.evaluate.temporal import measure_steadiness
from rtstyle.pixels import Pixels
from rtstyle.training.data import load_picture


class SmallLossNetwork(nn.Module):
    """Four random convolutions under VGG's names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        sizes = (3, 6, 8, 10, 12)
        self.stages = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2) for a, b in pairwise(sizes))
        self.calls = 0

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        found: dict[str, Tensor] = {}
        for name, stage in zip(LAYERS, self.stages, strict=True):
            x = torch.relu(stage(x))
            found[name] = x
        return found


def picture(path: Path, size: tuple[int, int], seed: int) -> Path:
    height, width = size
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [picture(tmp_path / f"photo{i}.png", (384, 400), seed=i) for i in range(2)]


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    return picture(tmp_path / "wave.png", (512, 640), seed=9)


def test_the_quoted_photos_are_every_fifth_of_every_tenth(tmp_path: Path) -> None:
    for i in range(1600):
        (tmp_path / f"{i:04d}.jpg").touch()
    names = [path.stem for path in quoted_photos(tmp_path)]
    assert names == [f"{9 + 50 * i:04d}" for i in range(30)]
    assert [path.stem for path in quoted_photos(tmp_path, limit=3)] == names[:3]


def test_a_folder_too_small_to_hold_a_photo_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only.jpg").touch()
    with pytest.raises(UsageError, match="10 or more"):
        quoted_photos(tmp_path)


def test_photos_are_384_on_their_short_side_and_multiples_of_8(tmp_path: Path) -> None:
    assert evaluation_photo(picture(tmp_path / "a.png", (300, 455), seed=0)).shape == (384, 584, 3)
    assert evaluation_photo(picture(tmp_path / "b.png", (500, 333), seed=0)).shape == (576, 384, 3)


def test_the_photo_itself_has_no_content_loss_and_the_unpainted_style_loss(photos: list[Path], painting: Path) -> None:
    meter = QualityMeter(SmallLossNetwork(), {"wave": painting})
    (result,) = measure_quality(photos, {"wave": lambda batch: batch}, meter)
    assert result.content_loss == 0
    assert result.style_loss == result.unpainted_style_loss > 0.01
    assert result.photos == 2


def test_the_painting_itself_has_no_style_loss(painting: Path) -> None:
    meter = QualityMeter(SmallLossNetwork(), {"wave": painting})
    assert meter.style(meter.features(load_picture(painting)), "wave") == pytest.approx(0, abs=1e-9)


def test_losses_are_relative_squared_errors(photos: list[Path], painting: Path) -> None:
    network = SmallLossNetwork()
    meter = QualityMeter(network, {"wave": painting})

    def painter(batch: Pixels) -> Pixels:
        return 255 - batch

    (result,) = measure_quality(photos[:1], {"wave": painter}, meter)

    def features(pixels: Pixels) -> dict[str, Tensor]:
        with torch.no_grad():
            return network(torch.tensor(pixels).permute(2, 0, 1)[None] / 255)

    photo = load_picture(photos[0])
    plain, painted, model = features(photo), features(255 - photo), features(load_picture(painting))
    content = (painted["relu4_1"] - plain["relu4_1"]).square().sum() / plain["relu4_1"].square().sum()
    style = 0.0
    for layer in LAYERS:
        grams = [torch.einsum("ahw,bhw->ab", f[0], f[0]) / f[0, 0].numel() for f in (painted[layer], model[layer])]
        style += float((grams[0] - grams[1]).square().sum() / grams[1].square().sum()) / 4
    assert result.content_loss == pytest.approx(float(content), rel=1e-4)
    assert result.style_loss == pytest.approx(style, rel=1e-4)


def test_losses_are_means_over_the_photos(photos: list[Path], painting: Path) -> None:
    meter = QualityMeter(SmallLossNetwork(), {"wave": painting})
    painters = {"wave": lambda batch: 255 - batch}
    each = [measure_quality([photo], painters, meter)[0] for photo in photos]
    (both,) = measure_quality(photos, painters, meter)
    assert both.style_loss == pytest.approx(np.mean([r.style_loss for r in each]))
    assert both.content_loss == pytest.approx(np.mean([r.content_loss for r in each]))


def test_every_style_is_measured_against_its_own_painting_and_photos_are_not_looked_at_twice(
    photos: list[Path], painting: Path, tmp_path: Path
) -> None:
    other = picture(tmp_path / "scream.png", (512, 512), seed=10)
    network = SmallLossNetwork()
    meter = QualityMeter(network, {"wave": painting, "scream": other})
    before = network.calls
    done: list[tuple[int, int]] = []
    wave, scream = measure_quality(
        photos, {"wave": lambda b: b, "scream": lambda b: b}, meter, progress=lambda at, total: done.append((at, total))
    )
    assert wave.style_loss != scream.style_loss
    assert [wave.style, scream.style] == ["wave", "scream"]
    assert network.calls - before == len(photos) * (1 + 2)
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_steadiness_brings_the_style_loss_along(photos: list[Path], painting: Path) -> None:
    meter = QualityMeter(SmallLossNetwork(), {"wave": painting})
    frame = load_picture(photos[0])
    plain, wave = measure_steadiness([frame] * 2, {"none": lambda b: b, "wave": lambda b: 255 - b}, meter=meter)
    assert plain.style_loss is None
    assert wave.style_loss == pytest.approx(meter.style(meter.features(255 - frame), "wave"))


def test_paintings_are_found_by_the_style_name(tmp_path: Path) -> None:
    path = picture(tmp_path / "wave.PNG", (64, 64), seed=0)
    (tmp_path / "scream.txt").touch()
    assert find_painting(tmp_path, "wave") == path
    with pytest.raises(UsageError, match="no painting for style 'scream'"):
        find_painting(tmp_path, "scream")
    with pytest.raises(UsageError, match="no folder"):
        find_painting(tmp_path / "absent", "wave")
