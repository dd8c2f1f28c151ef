"""Styles: mixes, the bank, and weights that are missing, altered or of another network."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.errors import MissingWeightsError, UnknownStyleError, UsageError, WeightsError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.styles import StyleBank, StyleEntry, StyleMix, check_style_path, load_style_file
from rtstyle.training.export import export_style, export_tier
from rtstyle.training.recipe import Recipe, StyleSource
from rtstyle.weightfiles import MANIFEST, record_metrics, weights_folder

TINY = NetConfig(width=2, blocks=0, deep_blocks=1)


@pytest.fixture
def tier(tmp_path: Path) -> Path:
    """A weights folder with a tiny tier of two styles."""
    network = TransformerNet(TINY)
    vectors = network.neutral_style() * torch.tensor([[1.0], [0.5]])
    recipe = Recipe(
        net=TINY, styles=(StyleSource(name="wave", image="w.jpg", title="Wave"), StyleSource(name="scream", image="s.jpg"))
    )
    export_tier(network, vectors, recipe, tmp_path, steps=1)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("wave", {"wave": 1.0}),
        ("wave,scream", {"wave": 0.5, "scream": 0.5}),
        ("wave:0.7,scream:0.3", {"wave": 0.7, "scream": 0.3}),
        ("wave:3, scream:1", {"wave": 0.75, "scream": 0.25}),
        ("wave:1,scream:0", {"wave": 1.0}),
        ("C:\\my.safetensors", {"C:\\my.safetensors": 1.0}),
        ("C:\\my.safetensors:0.5,wave:0.5", {"C:\\my.safetensors": 0.5, "wave": 0.5}),
    ],
)
def test_mix_is_read(text: str, parts: dict[str, float]) -> None:
    assert dict(StyleMix.parse(text).parts) == pytest.approx(parts)


@pytest.mark.parametrize("text", ["", ",", "wave:x", "wave:-1", "wave:nan", "wave:0", ":1"])
def test_unfit_mix_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        StyleMix.parse(text)


def test_list_of_names_is_a_choice_and_shares_are_a_blend() -> None:
    assert [str(mix) for mix in StyleMix.parse_list("wave,scream")] == ["wave", "scream"]
    assert len(StyleMix.parse_list("wave:0.7,scream:0.3")) == 1


def test_blend_is_the_weighted_sum_of_vectors(tier: Path) -> None:
    bank = StyleBank.load(folder=tier)
    blend = bank.vector(StyleMix.parse("wave:0.25,scream:0.75"))
    assert torch.allclose(blend, 0.25 * bank.vectors["wave"] + 0.75 * bank.vectors["scream"])
    assert bank.vector(StyleMix.parse("none")).abs().max() == 0


def test_unknown_style_names_the_nearest(tier: Path) -> None:
    with pytest.raises(UnknownStyleError, match="did you mean scream"):
        StyleBank.load(folder=tier).vector(StyleMix.parse("skream"))


def test_altered_weights_are_refused(tier: Path) -> None:
    file = tier / "live" / "network.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="was changed"):
        StyleBank.load(folder=tier)


def test_the_list_says_what_is_known_of_a_style(tier: Path) -> None:
    manifest = json.loads((tier / MANIFEST).read_text())
    first, *_ = manifest["tiers"]["live"]["styles"]
    manifest["tiers"]["live"]["styles"][first] |= {"title": "A Title", "artist": "", "year": "1901"}
    (tier / MANIFEST).write_text(json.dumps(manifest))
    listed = CliRunner().invoke(app, ["styles", "--weights", str(tier)])
    assert listed.output.splitlines()[0].split("  ")[-2:] == ["A Title, 1901", "[live]"]


def test_a_manifest_that_cannot_be_replaced_stays(tier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in tier.iterdir() if path.is_file()}

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(WeightsError, match=r"cannot write to .* give --weights a folder of your own"):
        record_metrics(tier, "live", {})
    assert {path.name: path.read_bytes() for path in tier.iterdir() if path.is_file()} == before


def test_missing_and_damaged_files_are_named(tier: Path) -> None:
    (tier / "live" / "styles" / "wave.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"wave\.safetensors is missing"):
        StyleBank.load(folder=tier)
    (tier / MANIFEST).write_text("{")
    with pytest.raises(WeightsError, match="damaged"):
        StyleBank.load(folder=tier)
    with pytest.raises(WeightsError, match=MANIFEST):
        StyleBank.load(folder=tier / "nowhere")


def test_unknown_tier_names_those_there(tier: Path) -> None:
    with pytest.raises(UsageError, match="there are: live"):
        StyleBank.load(tier="studio", folder=tier)


def test_style_file_joins_its_own_network_only(tier: Path, tmp_path: Path) -> None:
    bank = StyleBank.load(folder=tier)
    path = tmp_path / "mine.safetensors"
    vector = bank.vectors["wave"] * 1.1
    export_style(bank.network, vector, StyleEntry(name="mine"), path, tier="live", dedicated=False, about={})
    assert torch.allclose(StyleBank.open(StyleMix.parse(f"{path}:0.5,wave:0.5"), folder=tier).vectors[str(path)], vector)
    other = tmp_path / "other"
    other.mkdir()
    network = TransformerNet(TINY)
    recipe = Recipe(net=TINY, styles=(StyleSource(name="wave", image="w.jpg"),))
    export_tier(network, network.neutral_style()[None], recipe, other, steps=1)
    with pytest.raises(WeightsError, match="another network"):
        StyleBank.open(StyleMix.parse(str(path)), folder=other)


def test_dedicated_style_brings_its_network(tmp_path: Path) -> None:
    network = TransformerNet(TINY)
    path = tmp_path / "own.safetensors"
    export_style(network, network.neutral_style(), StyleEntry(name="own"), path, tier="live", dedicated=True, about={})
    bank = StyleBank.open(StyleMix.parse(str(path)), folder=tmp_path / "no_weights_needed")
    x = torch.rand(1, 3, 32, 32)
    assert torch.allclose(bank.network(x, bank.vector(StyleMix.parse(str(path)))), network(x, network.neutral_style()), atol=5e-3)


@pytest.mark.parametrize("content", [b"", b"not a safetensors file", b"\xff" * 64])
def test_other_files_are_no_styles(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        load_style_file(path)


@pytest.mark.parametrize(
    ("about", "vector", "says"),
    [
        ([], 1.0, "is not a style file"),
        ({"net": {"arch": "u-net"}}, 1.0, "mine.safetensors does not fit the network it names: unknown network"),
        ({}, math.nan, "not finite"),
    ],
)
def test_damaged_style_files_are_named(tmp_path: Path, about: Any, vector: float, says: str) -> None:
    path = tmp_path / "mine.safetensors"
    save_file({"style": torch.full((8,), vector)}, path, metadata={"rtstyle": json.dumps(about)})
    with pytest.raises(WeightsError, match=says):
        load_style_file(path)


def test_what_a_style_file_says_of_itself_is_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    about = {"title": 3, "artist": ["x"], "metrics": "none"}
    save_file({"style": torch.ones(8)}, path, metadata={"rtstyle": json.dumps(about)})
    entry = load_style_file(path).entry
    assert (entry.name, entry.title, entry.artist, entry.metrics) == ("mine", "3", "['x']", {})


def test_a_network_can_be_refused_before_it_is_built(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    about = {"net": {"arch": "transformer", "blocks": 10**9}}
    save_file({"style": torch.ones(8)}, path, metadata={"rtstyle": json.dumps(about)})
    with pytest.raises(WeightsError, match="network of its own"):
        load_style_file(path, own_network=False)


def test_a_style_file_that_is_not_there_is_a_mistake_of_the_request(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError):
        load_style_file(tmp_path / "nosuch.safetensors")


@pytest.mark.parametrize("content", ["[]", "{", "3"])
def test_weights_folders_that_are_none_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    for folder in (tmp_path, tmp_path / MANIFEST):  # a file is no folder
        with pytest.raises(WeightsError, match=MANIFEST):
            StyleBank.load(folder=folder)


def test_bundled_weights_are_whole_and_small() -> None:
    folder = weights_folder()
    bank = StyleBank.load(folder=folder)
    assert len(bank.names) >= 14
    assert sum(p.stat().st_size for p in (folder / "live").rglob("*.safetensors")) < 3_000_000
    for name, entry in bank.entries.items():
        assert entry.title, name
        assert entry.artist, name


def test_manifest_of_another_format_is_refused(tier: Path) -> None:
    manifest = json.loads((tier / MANIFEST).read_text())
    (tier / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(WeightsError, match="format 99"):
        StyleBank.load(folder=tier)


@pytest.mark.parametrize(("name", "path"), [("a,b", "a.safetensors"), ("a", "x,y/a.safetensors"), ("../a", "a.safetensors")])
def test_a_new_style_has_a_name_that_style_takes(name: str, path: str) -> None:
    with pytest.raises(UsageError, match=r"comma|slash"):
        check_style_path(name, Path(path))


def test_shares_that_cannot_be_added_up_are_refused() -> None:
    with pytest.raises(UsageError, match="added up"):
        StyleMix.parse("wave:1e308,scream:1e308")


@pytest.mark.parametrize("missing", ["file", "sha256", "net", "styles"])
def test_an_incomplete_manifest_is_refused(tier: Path, missing: str) -> None:
    manifest = json.loads((tier / MANIFEST).read_text())
    del manifest["tiers"]["live"][missing]
    (tier / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="is incomplete"):
        StyleBank.load(folder=tier)


def test_weights_are_found_inside_the_package_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: Path) -> None:
    package = tmp_path / "site" / "rtstyle"
    shutil.copytree(tier / "live", package / "weights" / "live")
    shutil.copy(tier / MANIFEST, package / "weights")
    monkeypatch.setattr("rtstyle.weightfiles.__file__", str(package / "weightfiles.py"))
    assert weights_folder() == package / "weights"
    (package / "weights" / MANIFEST).unlink()
    with pytest.raises(WeightsError, match="install rtstyle again"):
        weights_folder()
