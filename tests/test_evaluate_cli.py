"""``rtstyle evaluate`` from end to end, with a small untrained network and a random VGG-19."""

from __future__ import annotations

import json
import math
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from rtstyle.cli.evaluate import app
from rtstyle.errors import RTStyleError, UnknownStyleError, UsageError
from rtstyle.evaluate.painters import open_painters
from rtstyle.evaluate.strength import StrengthPoint, falls_until_full, psnr
from rtstyle.nets import build_network
from rtstyle.nets.transformer import NetConfig
from rtstyle.perceptual.backbones import BACKBONES, build_backbone
from rtstyle.styles import StyleBank, StyleEntry
from rtstyle.training.export import export_style, export_tier
from rtstyle.training.recipe import Recipe, StyleSource
from rtstyle.weightfiles import read_manifest

NAMES = ("wave", "scream")


def picture(path: Path, size: tuple[int, int] = (64, 80), seed: int = 0) -> Path:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with a small untrained network."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    config = NetConfig(width=2, blocks=1, deep_blocks=0)
    network = build_network(config)
    recipe = Recipe(net=config, styles=tuple(StyleSource(name=name, image=f"{name}.png") for name in NAMES))
    vectors = torch.stack([network.neutral_style(), 0.5 * network.neutral_style()])
    export_tier(network, vectors, recipe, folder, steps=0)
    return folder


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paintings")
    for seed, name in enumerate(NAMES):
        picture(folder / f"{name}.png", seed=seed + 20)
    return folder


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG-19's layers with random weights."""
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    torch.manual_seed(1)
    state = build_backbone("vgg19", BACKBONES["vgg19"].layers["relu4_1"]).state_dict()
    save_file({f"features.{key}": value.half() for key, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(10):
        picture(folder / f"{i}.png", seed=i)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "pan.mp4"
    wide = np.asarray(Image.open(picture(path.with_suffix(".png"), (64, 200))))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for i in range(6):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:, 2 * i : 2 * i + 96]), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_quality(weights: Path, paintings: Path, photos: Path, vgg: Path, tmp_path: Path) -> None:
    report = tmp_path / "quality.json"
    output = invoke(
        "quality",
        photos,
        "--paintings",
        paintings,
        "--style",
        "wave",
        "--weights",
        weights,
        "--loss-weights",
        vgg,
        "--json",
        report,
    )
    figures = json.loads(report.read_text())
    assert figures["tier"] == "live"
    assert figures["photos"] == ["9.png"], "the tenth by name is the one held out"
    (wave,) = figures["styles"]
    assert wave["style"] == "wave"
    assert wave["content_loss"] > 0
    assert f"{wave['style_loss']:.3f}" in output


def test_quality_recorded(weights: Path, paintings: Path, photos: Path, vgg: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(weights, tmp_path / "weights")
    report = tmp_path / "quality.json"
    options = ("--paintings", paintings, "--weights", folder, "--loss-weights", vgg, "--record")
    invoke("quality", photos, *options, "--json", report)
    before, after = (read_manifest(f)["tiers"]["live"]["styles"] for f in (weights, folder))
    for measured in json.loads(report.read_text())["styles"]:
        name = measured["style"]
        expected = {"content": round(measured["content_loss"], 3), "style": round(measured["style_loss"], 4)}
        assert after[name] == {**before[name], "metrics": expected}
    assert set(StyleBank.load(tier="live", folder=folder).vectors) == set(NAMES)
    for changed in (("--style", "wave"), ("--strength", 0.5), ("--photos", 29)):
        with pytest.raises(UsageError, match="on all 30 photos; leave out --style, --strength and --photos"):
            invoke("quality", photos, *options, *changed)


def test_strength(weights: Path, paintings: Path, photos: Path, vgg: Path, tmp_path: Path) -> None:
    report = tmp_path / "strength.json"
    options = ("--paintings", paintings, "--style", "wave", "--weights", weights, "--loss-weights", vgg, "--json", report)
    output = invoke("strength", photos, *options)
    points = json.loads(report.read_text())["points"]
    assert [point["strength"] for point in points] == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5]
    losses = [point["style_loss"] for point in points[:5]]
    assert ("falls at every step" in output) is (losses == sorted(losses, reverse=True))
    assert all(point["least_psnr"] <= point["psnr"] for point in points)
    assert all(point["content_loss"] > 0 for point in points)


def test_where_the_style_loss_stalls_is_named() -> None:
    def point(strength: float, loss: float) -> StrengthPoint:
        return StrengthPoint(style="wave", strength=strength, style_loss=loss, content_loss=0.1, psnr=30.0, least_psnr=29.0)

    falling = [point(s / 4, 1.0 - s / 8) for s in range(5)]
    assert falls_until_full([*falling, point(1.25, 9.0)]) is None, "beyond full strength it may rise"
    assert falls_until_full([*falling[:3], point(0.75, 0.8), falling[4]]) == (0.5, 0.75)
    assert psnr(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)) == math.inf
    assert psnr(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)) == 0


def test_temporal(weights: Path, clip: Path, tmp_path: Path) -> None:
    report = tmp_path / "temporal.json"
    arguments = ("temporal", clip, "--frames", 4, "--weights", weights, "--json", report)
    output = invoke(*arguments)
    rows = json.loads(report.read_text())["clips"]["pan.mp4"]
    assert [row["style"] for row in rows] == ["none", *NAMES], "all styles of the tier, after the film itself"
    assert {row["pairs"] for row in rows} == {3}
    assert all(row["style_loss"] is None for row in rows)
    assert "4 frames" in output
    with pytest.raises(UsageError, match="--overwrite"):
        invoke(*arguments)
    invoke(*arguments, "--overwrite")


def test_clips_of_one_name_are_told_apart(weights: Path, clip: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(clip, tmp_path))
    alone = Path(shutil.copy(clip, tmp_path / "alone.mp4"))
    report = tmp_path / "temporal.json"
    output = invoke("temporal", clip, other, alone, "--style", "wave", "--frames", 2, "--weights", weights, "--json", report)
    assert list(json.loads(report.read_text())["clips"]) == [str(clip), str(other), "alone.mp4"]
    assert f"{other}: 2 frames" in output


def test_temporal_with_and_without_steadying(weights: Path, paintings: Path, clip: Path, vgg: Path, tmp_path: Path) -> None:
    report = tmp_path / "temporal.json"
    options = ("--style", "wave", "--frames", 5, "--weights", weights, "--paintings", paintings, "--loss-weights", vgg)
    assert "wave steadied" in invoke("temporal", clip, "--stabilize", *options, "--json", report)
    rows = json.loads(report.read_text())["clips"]["pan.mp4"]
    assert [row["style"] for row in rows] == ["none", "wave", "wave steadied"]
    assert rows[2]["warping_error"] < rows[1]["warping_error"]
    assert rows[1]["style_loss"] > 0
    assert rows[2]["style_loss"] > 0


def test_gallery(weights: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "gallery.png"
    arguments = (
        "gallery",
        photos / "0.png",
        photos / "1.png",
        "--out",
        out,
        "--cell",
        "60x40",
        "--columns",
        3,
        "--weights",
        weights,
    )
    assert "2 styles on 2 photos" in invoke(*arguments)
    with Image.open(out) as written:
        assert written.width > 3 * 2 * 60 > written.height
        assert np.asarray(written).std() > 10
    before = out.read_bytes()
    with pytest.raises(UsageError, match="--overwrite"):
        invoke(*arguments)
    assert out.read_bytes() == before
    invoke(*arguments, "--overwrite")


def test_looks_may_be_blends_and_have_a_strength(weights: Path) -> None:
    _, painters = open_painters("wave:0.5,scream:0.5", weights=weights, device="cpu")
    assert list(painters) == ["wave:0.5,scream:0.5"]
    frames = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    _, full = open_painters("wave,scream", weights=weights, device="cpu")
    _, weak = open_painters("wave", weights=weights, device="cpu", strength=0.5)
    # Scream's vector is half of wave's, so half of wave is scream.
    assert np.abs(weak["wave"](frames).astype(int) - full["scream"](frames)).max() <= 1
    assert np.abs(weak["wave"](frames).astype(int) - full["wave"](frames)).max() > 1


def test_a_style_file_is_told_from_the_style_of_its_name(
    weights: Path, paintings: Path, photos: Path, vgg: Path, tmp_path: Path
) -> None:
    bank = StyleBank.load(folder=weights)
    mine, alone = tmp_path / "wave.safetensors", tmp_path / "alone.safetensors"
    for path in (mine, alone):
        vector = bank.vectors["scream"]
        export_style(bank.network, vector, StyleEntry(name=path.stem), path, tier="live", dedicated=False, about={})
    _, painters = open_painters(f"wave,{mine},{alone}", weights=weights, device="cpu")
    assert list(painters) == ["wave", str(mine), "alone"]

    report = tmp_path / "quality.json"
    options = ("--paintings", paintings, "--weights", weights, "--loss-weights", vgg, "--json", report)
    invoke("quality", photos, *options, "--style", f"wave,{mine}")
    bundled, other = json.loads(report.read_text())["styles"]
    assert (bundled["style"], other["style"]) == ("wave", str(mine))
    assert bundled["unpainted_style_loss"] == other["unpainted_style_loss"], "both are held against the painting of wave"
    assert bundled["style_loss"] != other["style_loss"]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["quality", "{photos}", "--paintings", "{photos}"], UsageError, "no painting for style 'wave'"),
        (["quality", "{photos}/absent", "--paintings", "{paintings}"], UsageError, "no folder of photos"),
        (["quality", "{photos}", "--paintings", "{paintings}", "--style", "wawe"], UnknownStyleError, "did you mean wave"),
        (["temporal", "{photos}/absent.mp4"], RTStyleError, "absent.mp4"),
        (["temporal", "{photos}/0.png", "--json", "{photos}/absent/x.json"], UsageError, "does not exist"),
        (["temporal", "{photos}/0.png", "--json", "{photos}/0.png", "--overwrite"], UsageError, "name a .json file"),
        (["gallery", "{photos}/absent.png", "--out", "{photos}/out.png"], UsageError, "absent.png"),
        (["gallery", "{photos}/0.png", "--out", "{photos}/out.txt"], UsageError, "out.txt"),
        (["gallery", "{photos}/0.png", "--out", "{photos}/0.png", "--overwrite"], UsageError, "painted over its original"),
        (["gallery", "{photos}/0.png", "--out", "{photos}/" + 300 * "x" + ".png"], UsageError, "choose a shorter name"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], error: type[RTStyleError], says: str, weights: Path, paintings: Path, photos: Path
) -> None:
    with pytest.raises(error, match=says):
        invoke(*(a.format(photos=photos, paintings=paintings) for a in arguments), "--weights", weights)
