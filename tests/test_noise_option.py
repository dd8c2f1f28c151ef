"""``--noise``: how far a texture network departs from the picture, the same in every command that paints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from clips import write_clip
from PIL import Image
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.errors import UsageError
from rtstyle.nets import build_network
from rtstyle.pixels import Pixels
from rtstyle.sources.video import VideoSource
from rtstyle.styles import StyleEntry
from rtstyle.training.export import export_style


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained network each, in files of their own."""
    folder = tmp_path_factory.mktemp("styles")
    torch.manual_seed(0)
    files: dict[str, Path] = {}
    for arch, shape in (("texture", {"scales": 3, "width": 4}), ("johnson", {"width": 4, "blocks": 1})):
        network = build_network({"arch": arch, **shape})
        files[arch] = folder / f"{arch}.safetensors"
        vector = network.neutral_style()
        export_style(network, vector, StyleEntry(name=arch), files[arch], tier="live", dedicated=True, about={})
    return files


def paint(command: str, style: Path, source: Path, out: Path, noise: float | None) -> Pixels:
    """The first picture that ``rtstyle image`` or ``rtstyle video`` paints."""
    options = ["--style", style, "--device", "cpu", *([] if noise is None else ["--noise", noise])]
    target = out / ("00000.png" if command == "image" else "%05d.png")
    engine = ["--engine", "eager", "--batch", "1"] if command == "video" else []
    out.mkdir()
    done = CliRunner().invoke(app, [command, str(source), str(target), *map(str, [*options, *engine])])
    if done.exception is not None:
        raise done.exception
    return np.asarray(Image.open(min(out.glob("*.png"))))


@pytest.mark.parametrize("command", ["image", "video"])
def test_louder_noise_departs_further(styles: dict[str, Path], tmp_path: Path, command: str) -> None:
    film = write_clip(tmp_path / "in.mp4", 2)
    still = tmp_path / "in.png"
    with VideoSource(film) as source:
        Image.fromarray(next(iter(source)).data).save(still)
    photo = still if command == "image" else film
    amounts = {"none": 0.0, "a little": 0.3, "as trained": None, "much": 4.0}
    painted = {
        name: paint(command, styles["texture"], photo, tmp_path / name, amount).astype(float) for name, amount in amounts.items()
    }
    far = {name: np.abs(picture - painted["none"]).mean() for name, picture in painted.items()}
    assert 0 < far["a little"] < far["as trained"] < far["much"]
    trained = paint(command, styles["texture"], photo, tmp_path / "one", 1.0)
    assert np.array_equal(trained, painted["as trained"])
    if command == "video":
        as_still = paint("image", styles["texture"], still, tmp_path / "still", 4.0)
        assert np.array_equal(as_still, painted["much"])


@pytest.mark.parametrize("command", ["image", "video", "webcam"])
def test_networks_without_noise_refuse_it(styles: dict[str, Path], tmp_path: Path, command: str) -> None:
    film = write_clip(tmp_path / "in.mp4", 2)
    if command == "webcam":
        words = ["webcam", "--source", str(film), "--no-window", "--record", str(tmp_path / "out.mp4")]
        more = ["--noise", "1", "--style", str(styles["johnson"]), "--device", "cpu", "--engine", "eager"]
        done = CliRunner().invoke(app, [*words, *more])
        assert isinstance(done.exception, UsageError)
        assert "only texture" in str(done.exception)
        return
    with VideoSource(film) as source:
        Image.fromarray(next(iter(source)).data).save(tmp_path / "in.png")
    photo = tmp_path / "in.png" if command == "image" else film
    with pytest.raises(UsageError, match="only texture"):
        paint(command, styles["johnson"], photo, tmp_path / "out", 1.0)
