"""Damaged films end in frames or in one clear line: no crash, no hang, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz_video.py")


def run(count: int, seed: int, seconds: float) -> None:
    command = [sys.executable, str(FUZZ), str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=FUZZ.parent.parent)
    assert done.returncode == 0, f"film {done.stderr.split()[-1:]} of seed {seed}: code {done.returncode}\n{done.stderr[-2000:]}"
    assert "memory grew" in done.stdout


def test_sixty_damaged_films() -> None:
    run(60, seed=1, seconds=110)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif("not config.getoption('-m')", reason="a thousand films: run with -m slow")
@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_damaged_films(seed: int) -> None:
    run(250, seed=100 + seed, seconds=1700)
