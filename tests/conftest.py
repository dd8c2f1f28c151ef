"""What all tests share: fixed seeds, few threads, no network, and where the larger test data lies."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtstyle.webui.server import PageServer

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent

ABOUT_GPUS = os.environ.get("RTSTYLE_REQUIRE_GPU") == "1"
MISSING = [name for name in ("av", "gradio") if ABOUT_GPUS and importlib.util.find_spec(name) is None]
WITHOUT_THEM = ("test_gpu.py", "test_kernels.py")
"""What is collected all the same: a machine with a GPU may have little more than PyTorch."""
collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if MISSING and path.name not in WITHOUT_THEM]

THREADS = torch.get_num_threads()


def pytest_report_header() -> str | None:
    return f"only {' and '.join(WITHOUT_THEM)}, without {' and '.join(MISSING)}" if MISSING else None


def pytest_sessionstart(session: pytest.Session) -> None:
    torch.set_num_threads(2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        reason = "no CUDA device"
        if os.environ.get("RTSTYLE_REQUIRE_GPU") == "1":
            pytest.fail(f"{reason}, and RTSTYLE_REQUIRE_GPU=1 asks for one")
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def all_threads() -> Iterator[None]:
    """As many threads as PyTorch takes by itself, for what is timed."""
    few = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(few)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of untrained loss networks, by name."""
    from training_parts import untrained_weights

    return untrained_weights(tmp_path_factory.mktemp("untrained"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the larger test data: ``RTSTYLE_TEST_DATA``, or ``../shared/data`` beside the checkout."""
    named = os.environ.get("RTSTYLE_TEST_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder}; set RTSTYLE_TEST_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def loss_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loss network of random weights: its losses mean nothing to an eye, but they can be lowered all the same."""
    from safetensors.torch import save_file

    from rtstyle.perceptual.backbones import build_backbone, find_backbone

    torch.manual_seed(0)
    module = build_backbone("vgg19", find_backbone("vgg19").layers["relu4_1"])
    for layer in module:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    path = tmp_path_factory.mktemp("loss_network") / "vgg19.safetensors"
    save_file({f"features.{key}": value.half() for key, value in module.state_dict().items()}, path)
    return path


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen small photos: soft random landscapes."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    random_numbers = np.random.default_rng(0)
    for index in range(12):
        coarse = random_numbers.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"photo_{index:02d}.jpg")
    return folder


@pytest.fixture(scope="session")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painting of orange and blue stripes."""
    from PIL import Image

    stripes = np.zeros((96, 128, 3), dtype=np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = (240, 130, 20)
    stripes[..., 2] += 40
    path = tmp_path_factory.mktemp("paintings") / "stripes.png"
    Image.fromarray(stripes).save(path)
    return path


@pytest.fixture(scope="session")
def page(loss_weights: Path) -> Iterator[PageServer]:
    """The browser page, served on a free port of this machine with limits that a test can reach."""
    from rtstyle.webui.server import PageServer
    from rtstyle.webui.settings import Limits, PageConfig

    limits = Limits(still_bytes=2_000_000, still_pixels=2_000_000, clip_bytes=5_000_000, clip_seconds=6.0, cameras=2)
    with PageServer(PageConfig(port=0, device="cpu", engine="eager", loss_weights=loss_weights, limits=limits)) as server:
        yield server


@pytest.fixture
def quick_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page learns styles, and optimises pictures, in the way it always does, but on little ones."""
    from dataclasses import replace

    from rtstyle.training import fit
    from rtstyle.webui import compare, newstyle

    small = replace(newstyle.FIT_RECIPE, batch_size=1, image_size=96, photo_scale=(112, 160), painting_size=128)
    monkeypatch.setattr(newstyle, "FIT_RECIPE", small)
    monkeypatch.setattr(newstyle, "SHEET_EVERY", 1)
    monkeypatch.setattr(fit, "MEASURED_SIDE", 96)
    monkeypatch.setattr(compare, "SIDE", 96)
    monkeypatch.setattr(compare, "PICTURE_EVERY", 1)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """Name of an X display with a 1280x800 screen of its own, started with Xvfb for the session."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=[write_end],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait(10)
        pytest.skip("Xvfb did not start")
    yield f":{number}"
    server.terminate()
    server.wait(10)
