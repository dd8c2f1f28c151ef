"""The slow reference: it goes downhill, repeats itself, keeps to the range and says what it cannot do."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.errors import RTStyleError, UsageError
from rtstyle.optimize import OptimizeConfig, PictureLoss, Point, optimize
from rtstyle.optimize.loss import as_picture, fit_painting
from rtstyle.perceptual.backbones import build_backbone
from rtstyle.perceptual.network import LossNetwork
from rtstyle.pixels import Pixels
from rtstyle.sinks.images import write_still

LAYERS: dict[str, Any] = {"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}}
CPU = torch.device("cpu")


def smooth(height: int, width: int, seed: int) -> Pixels:
    """A picture of large soft patches."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained VGG-19: gram matrices of random features tell textures apart too."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vgg19.pth"
    torch.save({f"features.{key}": value for key, value in build_backbone("vgg19", 6).state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def loss_network(weights: Path) -> LossNetwork:
    return OptimizeConfig(**LAYERS).open_loss_network(CPU, weights)


def run(
    loss_network: LossNetwork, listener: Callable[..., bool | None] | None = None, **settings: Any
) -> tuple[Any, OptimizeConfig]:
    config = OptimizeConfig(**{"iterations": 8, "painting_size": 40, **LAYERS, **settings})
    result = optimize(smooth(40, 52, 1), smooth(60, 50, 2), config, loss_network=loss_network, device=CPU, listener=listener)
    return result, config


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("start", ["content", "noise"])
def test_it_goes_downhill(loss_network: LossNetwork, optimizer: str, start: str) -> None:
    # Noise so faint is nearly flat, where gradients vanish: the first steps are small ones.
    iterations = 8 if start == "content" else 24
    result, config = run(loss_network, optimizer=optimizer, start=start, iterations=iterations)
    totals = [point.losses.total for point in result.history]
    assert len(totals) == config.iterations + 1
    assert totals[-1] < 0.7 * totals[0]
    assert result.picture.shape == (40, 52, 3)
    assert result.picture.dtype == np.uint8
    assert [point.iteration for point in result.history] == list(range(iterations + 1))


def picture_loss(loss_network: LossNetwork, config: OptimizeConfig) -> PictureLoss:
    painting = fit_painting(smooth(60, 50, 2), config, (40, 52), (40, 52))
    return PictureLoss(config, loss_network, smooth(40, 52, 1), painting, CPU)


def test_the_last_losses_are_the_pictures(loss_network: LossNetwork) -> None:
    result, config = run(loss_network)
    loss = picture_loss(loss_network, config)
    measured, last = loss.measure(result.picture), result.history[-1].losses
    # Rounding to 8 bits is all that lies between them.
    assert measured.total == pytest.approx(last.total, rel=0.02)
    assert loss.measure(smooth(40, 52, 1)).content == 0
    assert last.total == pytest.approx(last.content + 10 * last.style + 0.1 * last.variation, rel=1e-4)


def test_every_point_comes_with_its_own_picture(loss_network: LossNetwork) -> None:
    seen: list[tuple[float, Pixels]] = []

    def listen(point: Point, picture: Callable[[], Pixels]) -> bool:
        seen.append((point.losses.total, picture()))
        return point.iteration < 3

    result, config = run(loss_network, listen)
    loss = picture_loss(loss_network, config)
    assert np.array_equal(seen[0][1], smooth(40, 52, 1)), "the first is the picture that it starts from"
    assert np.array_equal(seen[-1][1], result.picture), "the one that ended it is the result"
    for total, picture in seen:
        assert loss.measure(picture).total == pytest.approx(total, rel=0.02)


@pytest.mark.parametrize("end", [3, 8])
def test_only_the_iterations_are_timed(loss_network: LossNetwork, monkeypatch: pytest.MonkeyPatch, end: int) -> None:
    passes: list[int] = []

    class Counted(torch.nn.Module):
        def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
            passes.append(1)
            return loss_network(picture)

    clock = SimpleNamespace(perf_counter=lambda: float(len(passes)))  # a second for each pass through the loss network
    monkeypatch.setattr("rtstyle.optimize.descent.time", clock)
    result, _ = run(Counted(), lambda point, _: point.iteration < end)  # type: ignore[arg-type]
    assert result.history[-1].iteration == end
    assert result.seconds == end


def test_lbfgs_beats_adam_and_content_beats_noise(loss_network: LossNetwork) -> None:
    reached = {
        (optimizer, start): run(loss_network, optimizer=optimizer, start=start, iterations=8)[0].history[-1].losses.total
        for optimizer, start in (("lbfgs", "content"), ("adam", "content"), ("lbfgs", "noise"))
    }
    assert reached["lbfgs", "content"] < reached["adam", "content"]
    assert reached["lbfgs", "content"] < reached["lbfgs", "noise"]


def test_the_same_seed_gives_the_same_picture(loss_network: LossNetwork) -> None:
    first, second, other = (run(loss_network, start="noise", seed=seed)[0].picture for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_pixels_stay_in_range_whatever_the_step(loss_network: LossNetwork) -> None:
    seen: list[Pixels] = []
    run(loss_network, lambda point, picture: seen.append(picture()), optimizer="adam", learning_rate=0.5)
    assert all(picture.dtype == np.uint8 for picture in seen)
    from rtstyle.optimize.descent import _Descent

    config = OptimizeConfig(optimizer="adam", learning_rate=0.9, **LAYERS)
    loss = PictureLoss(config, loss_network, smooth(40, 52, 1), smooth(40, 40, 2), CPU)
    descent = _Descent(as_picture(smooth(40, 52, 1), CPU), loss, config)
    for _ in range(3):
        descent.step()
        assert 0 <= descent.pixels.min() <= descent.pixels.max() <= 1


def test_coarse_to_fine(loss_network: LossNetwork) -> None:
    config = OptimizeConfig(size=1200, iterations=300, **LAYERS)
    assert config.plan((400, 600)) == [((300, 450), 300), ((600, 900), 150), ((1200, 1800), 75)]
    assert OptimizeConfig(iterations=100, **LAYERS).plan((512, 700)) == [((512, 700), 100)]
    sizes: list[tuple[int, int]] = []
    result, _ = run(loss_network, lambda point, _: sizes.append((point.iteration, point.size)), size=80, scales=2, iterations=4)
    assert [size for _, size in sizes] == [40] * 5 + [80] * 3
    assert sizes[-1][0] == 6
    assert min(result.picture.shape[:2]) == 80


def test_a_listener_ends_it(loss_network: LossNetwork) -> None:
    result, _ = run(loss_network, lambda point, _: point.iteration < 3)
    assert result.history[-1].iteration == 3
    assert result.picture.shape == (40, 52, 3)


def test_a_step_that_is_too_long_is_taken_back(loss_network: LossNetwork) -> None:
    result, _ = run(loss_network, learning_rate=60.0, iterations=25)
    assert result.history[-1].losses.total < result.history[0].losses.total


def test_losses_that_are_no_numbers_end_it(loss_network: LossNetwork) -> None:
    with pytest.raises(RTStyleError, match="does not converge"):
        run(loss_network, style_weight=1e300)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "sgd"}, "legal: lbfgs, adam"),
        ({"start": "black"}, "legal: content, noise"),
        ({"iterations": 0}, "iterations is 0; it must be at least 1"),
        ({"size": 16}, "size is 16"),
        ({"learning_rate": -1.0}, "above 0"),
        ({"learning_rate": float("nan")}, "above 0"),
        ({"content_weight": float("inf")}, "content_weight is inf; it must be a number, at least 0"),
        ({"loss_network": "vgg13"}, "legal: vgg19, vgg16, resnet18"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        OptimizeConfig(**settings)


def test_too_many_scales() -> None:
    with pytest.raises(UsageError, match="too many for 60x40"):
        OptimizeConfig(scales=3, **LAYERS).plan((40, 60))


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    Image.fromarray(smooth(40, 52, 1)).save(tmp_path / "photo.png")
    Image.fromarray(smooth(60, 50, 2)).save(tmp_path / "painting.png")
    return str(tmp_path / "photo.png"), str(tmp_path / "painting.png")


QUICK = ["--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1:0.5", "--iterations", "4", "--device", "cpu"]


def test_the_command(files: tuple[str, str], tmp_path: Path, weights: Path) -> None:
    out, curve = tmp_path / "out.png", tmp_path / "curve.png"
    arguments = ["optimize", *files, str(out), *QUICK, "--every", "2", "--curve", str(curve), "--loss-weights", str(weights)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "after 4 iterations: content loss" in result.output
    assert Image.open(out).size == (52, 40)
    assert Image.open(curve).size[0] > 400
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.png", "out_0000.png", "out_0002.png", "out_0004.png"]


def test_an_interrupted_command_keeps_what_there_is(
    files: tuple[str, str], tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_and_interrupt(pixels: Pixels, path: Path) -> None:
        write_still(pixels, path)
        if path.name == "out_0002.png":
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("rtstyle.optimize.command.write_still", write_and_interrupt)
    out = tmp_path / "out.png"
    result = CliRunner().invoke(app, ["optimize", *files, str(out), *QUICK, "--every", "1", "--loss-weights", str(weights)])
    assert result.exit_code == 130, result.output
    assert "stopped early, at 2 of 4 iterations" in result.output
    assert np.array_equal(Image.open(out), Image.open(tmp_path / "out_0002.png"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda args, folder: [*args[:3], str(folder / "out.xyz")], "legal: .jpg"),
        (lambda args, folder: [*args[:3], args[1]], "one of the inputs"),
        (lambda args, folder: [*args[:3], str(folder / f"{249 * 'x'}.png")], "choose a shorter name"),
        (lambda args, folder: [args[0], 300 * "x", *args[2:]], "no picture at xxx"),
        (lambda args, folder: [*args, "--loss-weights", 300 * "x"], "no loss network at xxx"),
        (lambda args, folder: [*args, "--curve", str(folder / "c.jpg")], "written as PNG"),
        (lambda args, folder: [*args[:3], str(folder / "o.png"), "--curve", str(folder / "o.png")], "both be written"),
        (lambda args, folder: [*args, "--every", "150"], "out_0150.png exists"),
        (lambda args, folder: [*args, "--loss-weights", str(folder / "absent.pth")], "no loss network at"),
        (lambda args, folder: [args[0], "absent.png", *args[2:]], "no picture at absent.png"),
        (lambda args, folder: [*args, "--start", "black"], "legal: content, noise"),
    ],
    ids=["suffix", "input", "long-out", "long-in", "long-weights", "curve", "both", "every", "weights", "absent", "start"],
)
def test_the_command_refuses(files: tuple[str, str], tmp_path: Path, change: Callable[..., list[str]], said: str) -> None:
    (tmp_path / "out_0150.png").write_bytes(b"somebody's")
    arguments = change(["optimize", *files, str(tmp_path / "out.png")], tmp_path)
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert sorted(tmp_path.iterdir()) == before
