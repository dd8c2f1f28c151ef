"""The comparing report: what it measures, and a page that stands alone."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.compare.measure import compare_style
from rtstyle.compare.methods import open_method, parse_methods
from rtstyle.compare.papers import NETWORKS, REFERENCE
from rtstyle.errors import UsageError
from rtstyle.nets import ARCHITECTURES, build_network
from rtstyle.optimize import OptimizeConfig
from rtstyle.perceptual.backbones import build_backbone
from rtstyle.pixels import Pixels
from rtstyle.styles import StyleEntry
from rtstyle.training.export import export_style, export_tier
from rtstyle.training.recipe import Recipe


def smooth(height: int, width: int, seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, a painting, a weights folder, a network of its own, a loss network and a recipe; all of them tiny."""
    folder = tmp_path_factory.mktemp("world")
    torch.manual_seed(0)
    state = build_backbone("vgg19", 6).state_dict()
    torch.save({f"features.{key}": value for key, value in state.items()}, folder / "vgg19.pth")
    deep = build_backbone("vgg19", 20).state_dict()
    torch.save({f"features.{key}": value for key, value in deep.items()}, folder / "deep.pth")
    (folder / "paintings").mkdir()
    smooth(64, 72, 9).save(folder / "paintings" / "wave.png")
    for seed, name in enumerate(("one", "two <b>")):
        smooth(64, 80, seed).save(folder / f"{name}.png")
    recipe = Recipe.from_table(
        {"net": {"width": 2, "blocks": 0, "deep_blocks": 0}, "styles": [{"name": "wave", "image": "wave.png"}]}
    )
    live = build_network(recipe.net)
    export_tier(live, live.neutral_style()[None], recipe, folder / "weights", steps=1)
    (folder / "runs").mkdir()
    texture = build_network({"arch": "texture", "scales": 2, "width": 2})
    entry, about = StyleEntry(name="wave"), {"steps": 1}
    path = folder / "runs" / "texture_wave.safetensors"
    export_style(texture, texture.neutral_style(), entry, path, tier="live", dedicated=True, about=about)
    (folder / "recipe.toml").write_text(
        'painting_size = 64\nstyle_weight = 5.0\ncontent_layers = ["relu2_1"]\nstyle_layers = ["relu1_1", "relu2_1"]\n'
        '[[styles]]\nname = "wave"\nimage = "wave.png"\nstyle_weight = 0.8\n'
    )
    return folder


def command(world: Path, out: Path, **changes: Any) -> list[str]:
    options = {
        "--paintings": world / "paintings",
        "--styles": "wave",
        "--methods": "optimize,live,texture",
        "--networks": world / "runs",
        "--size": 40,
        "--iterations": 3,
        "--recipe": world / "recipe.toml",
        "--weights": world / "weights",
        "--loss-weights": world / "vgg19.pth",
        "--device": "cpu",
        "--out": out,
        **changes,
    }
    return ["compare", str(world / "one.png"), str(world / "two <b>.png"), *(str(x) for pair in options.items() for x in pair)]


def test_the_command_writes_a_page_that_stands_alone(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, command(world, out))
    assert result.exit_code == 0, result.output
    assert re.search(r"wave 40 px {2}live: \d+ ms, loss \d\.\d+, worth (over )?\d+ iterations", result.output)

    page = (out / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]*)"', page)
    # The painting, two photos in four columns, a curve for each photo.
    assert len(sources) == 1 + 2 * 4 + 2
    for source in sources:
        kind, data = re.fullmatch(r"data:image/(jpeg|png);base64,(.+)", source).groups()  # type: ignore[union-attr]
        assert Image.open(io.BytesIO(base64.b64decode(data))).format == kind.upper()
    assert not re.search(r'src="(?!data:)|<link|@import|url\(', page)
    assert "two &lt;b&gt;" in page
    assert "two <b>" not in page
    for told in (
        "iterations-equivalent",
        "texture, ",
        "style weight",
        "1603.03417",
        "Gatys_Image_Style_Transfer",
        "relu2_1 (1)",
        "recipe.toml: learning rate",
    ):
        assert told in page
    # The recipe's weight times the style's own factor.
    assert re.search(r"wave: style weight</td><td[^>]*>4\.0", page)

    files = sorted(path.name for path in (out / "40_wave").iterdir())
    kinds = ("optimize", "live", "texture", "losses")
    assert files == sorted(["grid.png", *(f"{photo}_{what}.png" for photo in ("one", "two <b>") for what in kinds)])
    assert Image.open(out / "40_wave" / "one_live.png").size == (48, 40)


def test_the_reference_ends_once_it_has_passed(world: Path, tmp_path: Path) -> None:
    arguments = command(world, tmp_path / "out", **{"--iterations": 60, "--methods": "optimize,live"})
    found = CliRunner().invoke(app, [*arguments, "--until-passed"])
    assert found.exit_code == 0, found.output
    done, worth = (float(re.search(pattern, found.output).group(1)) for pattern in (r"after (\d+) it", r"worth (\d+) it"))  # type: ignore[union-attr]
    assert worth - 1 <= done <= worth + 2 < 60


@pytest.mark.parametrize("size", [40, 42])
def test_a_reference_that_has_passed_from_the_start_is_timed(world: Path, size: int) -> None:
    config = OptimizeConfig(
        content_layers={"relu2_1": 1.0}, style_layers={"relu1_1": 1.0}, size=size, scales=1, iterations=9, painting_size=64
    )
    photo, painting = np.asarray(smooth(40, 48, 0)), np.asarray(smooth(64, 72, 9))

    class Inverting:
        method = "inverted"

        def __call__(self, photo: Pixels) -> Pixels:
            return 255 - photo

    found = compare_style(
        "wave",
        painting,
        {"one": photo},
        [Inverting()],  # type: ignore[list-item]
        config,
        with_reference=True,
        until_passed=True,
        loss_network=config.open_loss_network(torch.device("cpu"), world / "vgg19.pth"),
        device=torch.device("cpu"),
    )
    assert found.equivalents("inverted")[0].iterations == 0
    assert found.histories["one"][-1].iteration == 1
    assert found.seconds_an_iteration > 0
    # All of one size, in multiples of 8, or their losses could not be compared.
    assert found.results["optimize"]["one"].picture.shape == found.results["inverted"]["one"].picture.shape == (40, 48, 3)


def test_tiers_are_compared_with_each_other(world: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(world / "weights", weights)
    studio = Recipe.from_table(
        {"tier": "studio", "net": {"width": 4, "blocks": 0, "deep_blocks": 0}, "styles": [{"name": "wave", "image": "wave.png"}]}
    )
    network = build_network(studio.net)
    export_tier(network, network.neutral_style()[None], studio, weights, steps=1)
    changes = {"--methods": "live,studio", "--weights": weights}
    done = CliRunner().invoke(app, command(world, tmp_path / "out", **changes))
    assert done.exit_code == 0, done.output
    assert "wave 40 px  studio: " in done.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "width 2" in page
    assert "width 4" in page


def test_a_folder_gives_photos_that_were_not_trained_on(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(120):
        (folder / f"{index:03d}.png").write_bytes((world / "one.png").read_bytes())
    arguments = command(world, tmp_path / "out", **{"--methods": "live", "--photos": 2})
    done = CliRunner().invoke(app, ["compare", str(folder), *arguments[3:]])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out" / "40_wave").iterdir()}
    assert names == {"009_live.png", "059_live.png", "grid.png"}


def test_the_losses_are_the_bundled_networks_own(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "weights", tmp_path / "weights")
    shutil.copy(world / "recipe.toml", tmp_path / "recipe.toml")
    manifest = tmp_path / "weights" / "manifest.json"
    changes = {"--methods": "live", "--weights": tmp_path / "weights"}
    for named, weight in (("recipe.toml", "4.0"), ("absent.toml", "10.0")):
        table = json.loads(manifest.read_text())
        table["tiers"]["live"]["recipe"] = named
        manifest.write_text(json.dumps(table))
        arguments = command(world, tmp_path / named[:-5], **changes)
        at = arguments.index("--recipe")
        if named == "absent.toml":  # then it is the usual layers that count, which this loss network lacks
            arguments += ["--loss-weights", str(world / "deep.pth")]
        done = CliRunner().invoke(app, [*arguments[:at], *arguments[at + 2 :]])
        assert done.exit_code == 0, done.output
        page = (tmp_path / named[:-5] / "report.html").read_text(encoding="utf-8")
        assert re.search(rf"wave: style weight</td><td[^>]*>{weight}", page)
        assert "the same losses, whatever their networks were trained on; the settings below say whose they are" in page
        assert re.search(rf"losses as in the recipe</td><td[^>]*>{'recipe.toml' if named == 'recipe.toml' else 'none'}", page)


def test_every_network_cites_its_papers() -> None:
    assert set(NETWORKS) == set(ARCHITECTURES)
    assert all(about.papers for about in (*NETWORKS.values(), REFERENCE))


def test_the_folder_of_the_networks_may_have_a_comma_in_its_name(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "runs", tmp_path / "a,b")
    (method,) = parse_methods("texture", tmp_path / "a,b")
    painter = open_method(method, "wave", device=torch.device("cpu"))
    assert painter is not None
    assert painter(np.zeros((32, 32, 3), dtype=np.uint8)).shape == (32, 32, 3)


def test_noise_changes_the_texture_networks_picture(world: Path, tmp_path: Path) -> None:
    pictures: list[Pixels] = []
    for noise in ("0", "5"):
        arguments = command(world, tmp_path / noise, **{"--methods": "texture", "--noise": noise})
        assert CliRunner().invoke(app, arguments).exit_code == 0
        pictures.append(np.asarray(Image.open(tmp_path / noise / "40_wave" / "one_texture.png")))
    assert not np.array_equal(*pictures)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--styles": "scream"}, "no painting for style 'scream'"),
        ({"--methods": "johnson"}, "johnson_wave.safetensors; train one"),
        ({"--methods": "studio"}, "have no tier studio; legal: live"),
        ({"--methods": "mine=absent.safetensors"}, "no style file at absent.safetensors"),
        ({"--size": 16}, "a size of 16 is too small"),
        ({"--out": "absent/folder"}, "the folder absent does not exist"),
        ({"--log": "x"}, "not NAME=LOG"),
        ({"--log": "a=" + 300 * "x"}, "no training log at xxx"),
        ({"--out": 300 * "x"}, "cannot be made"),
        ({"--methods": "mine=" + 300 * "x"}, "no style file at xxx"),
    ],
)
def test_what_is_missing_is_said_before_any_work(world: Path, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    result = CliRunner().invoke(app, command(world, tmp_path / "out", **changes))
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_report_is_not_overwritten(world: Path, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    result = CliRunner().invoke(app, command(world, tmp_path))
    assert isinstance(result.exception, UsageError)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_pictures_of_an_unfinished_comparison_are_not_overwritten(world: Path, tmp_path: Path) -> None:
    picture = tmp_path / "40_wave" / "one_live.png"
    picture.parent.mkdir()
    picture.write_bytes(b"mine")
    result = CliRunner().invoke(app, command(world, tmp_path))
    assert isinstance(result.exception, UsageError)
    assert f"{picture.parent} exists; use --overwrite" in str(result.exception)
    assert picture.read_bytes() == b"mine"
