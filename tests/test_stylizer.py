"""The Stylizer and the bundled weights: same bytes every time, any size, strength, colours, detail."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle.errors import UnknownStyleError, UsageError
from rtstyle.pixels import Pixels
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Look, Stylizer, at_strength


@pytest.fixture(scope="module")
def bank() -> StyleBank:
    return StyleBank.load()


@pytest.fixture(scope="module")
def photo(repository_still: Pixels) -> Pixels:
    return repository_still


@pytest.fixture(scope="session")
def repository_still() -> Pixels:
    from pathlib import Path

    path = Path(__file__).resolve().parent.parent / "demos" / "still.jpg"
    return np.asarray(Image.open(path).convert("RGB").resize((240, 160), Image.Resampling.LANCZOS))


def psnr(one: Pixels, other: Pixels) -> float:
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return 10 * math.log10(255**2 / max(error, 1e-9))


def test_same_input_gives_the_same_bytes_alone_and_in_a_batch(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    alone = stylizer.paint_one(photo)
    assert alone.shape == photo.shape
    assert alone.dtype == np.uint8
    assert np.array_equal(alone, stylizer.paint_one(photo))
    batch = stylizer.paint(np.stack([photo, photo[::-1], photo]))
    assert np.array_equal(batch[0], batch[2])
    assert np.abs(batch[0].astype(int) - alone.astype(int)).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (33, 160), (160, 51)])
def test_any_size_from_sixteen_up(bank: StyleBank, height: int, width: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert Stylizer(bank, "scream").paint_one(picture).shape == picture.shape


def test_smaller_pictures_are_refused(bank: StyleBank) -> None:
    with pytest.raises(UsageError, match="at least 16"):
        Stylizer(bank, "wave").paint_one(np.zeros((15, 64, 3), dtype=np.uint8))


def test_styles_differ_and_unknown_ones_are_refused(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    wave = stylizer.paint_one(photo)
    scream = stylizer.paint_one(photo, Look(mix=StyleMix.parse("scream")))
    assert psnr(wave, scream) < 25
    with pytest.raises(UnknownStyleError):
        Stylizer(bank, "waves")


def test_blend_lies_between(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    wave, scream, blend = (
        stylizer.paint_one(photo, Look(mix=StyleMix.parse(s))) for s in ("wave", "scream", "wave:0.5,scream:0.5")
    )
    assert psnr(blend, wave) > psnr(scream, wave)
    assert psnr(blend, scream) > psnr(wave, scream)


def test_none_passes_every_pixel_through(bank: StyleBank, photo: Pixels) -> None:
    assert np.array_equal(Stylizer(bank, "none").paint_one(photo), photo)


def test_strength_walks_from_the_picture_to_the_style(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    painted = [stylizer.paint_one(photo, Look(mix=StyleMix.parse("wave"), strength=s)) for s in (0, 0.25, 0.5, 0.75, 1)]
    assert psnr(painted[0], photo) >= 28
    distances = [psnr(picture, photo) for picture in painted]
    assert distances == sorted(distances, reverse=True)


def test_strength_beyond_one_is_more_of_the_style(bank: StyleBank, photo: Pixels) -> None:
    stylizer, small = Stylizer(bank, "wave"), np.ascontiguousarray(photo[40:136, 40:168])

    def painted(style: str, strength: float) -> Pixels:
        return stylizer.paint_one(small, Look(mix=StyleMix.parse(style), strength=strength))

    for style in ("wave", "scream", "udnie", "feneon"):
        full, more, most = (painted(style, strength) for strength in (1.0, 1.25, 1.5))
        assert psnr(more, full) > psnr(most, full) > 12, "the same painting, only more so"
        assert most.std() > 0.95 * full.std(), "and not greyer"


def test_strength_up_to_one_is_a_share_of_the_vector() -> None:
    vector = torch.tensor([2.0, -1.0, 1.0])
    assert at_strength(vector, 0.5).tolist() == [1.0, -0.5, 0.5]
    assert at_strength(vector, 1.5).tolist() == [3.0, -1.5, 1.0]
    assert vector.tolist() == [2.0, -1.0, 1.0]


def test_strength_outside_its_range_is_refused() -> None:
    for strength in (-0.1, 1.6):
        with pytest.raises(UsageError, match=r"outside 0\.\.1\.5"):
            Look(mix=StyleMix.parse("wave"), strength=strength)


def test_keep_colors_keeps_them(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "scream")
    look = Look(mix=StyleMix.parse("scream"))
    plain = stylizer.paint_one(photo, look).astype(float)
    kept = stylizer.paint_one(photo, look.changed(keep_colors=True)).astype(float)

    def chroma(x: np.ndarray) -> np.ndarray:
        return x[..., 0] - x[..., 2]

    original = photo.astype(float)
    assert np.abs(chroma(kept) - chroma(original)).mean() < 0.4 * np.abs(chroma(plain) - chroma(original)).mean()


def test_paint_height_brings_the_resolution_back(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    broad = stylizer.paint_one(photo, Look(mix=StyleMix.parse("wave"), paint_height=64))
    assert broad.shape == photo.shape
    assert not np.array_equal(broad, stylizer.paint_one(photo))


def test_a_look_can_change_between_frames(bank: StyleBank, photo: Pixels) -> None:
    stylizer = Stylizer(bank, "wave")
    before = stylizer.paint_one(photo)
    stylizer.look = stylizer.look.changed(mix=StyleMix.parse("starry_night"))
    assert not np.array_equal(before, stylizer.paint_one(photo))
