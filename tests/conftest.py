"""What all tests share: fixed seeds, few threads, no network, and where the larger test data lies."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_sessionstart(session: pytest.Session) -> None:
    torch.set_num_threads(2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        reason = "no CUDA device"
        if os.environ.get("RTSTYLE_REQUIRE_GPU") == "1":
            pytest.fail(f"{reason}, and RTSTYLE_REQUIRE_GPU=1 asks for one")
        pytest.skip(reason)
    if item.get_closest_marker("browser") and os.environ.get("RTSTYLE_BROWSER_TESTS") != "1":
        pytest.skip("drives a real browser: set RTSTYLE_BROWSER_TESTS=1 to run it")


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the larger test data: ``RTSTYLE_TEST_DATA``, or ``../shared/data`` beside the checkout."""
    named = os.environ.get("RTSTYLE_TEST_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder}; set RTSTYLE_TEST_DATA to its folder")
    return folder


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
