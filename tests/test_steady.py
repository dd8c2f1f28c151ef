"""A long run needs no more memory and no more threads than a short one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ALLOWED = 1.03
"""Of the resident memory, PyTorch and all: what may be added between the two marks of a run."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("kind", "engine"), [("film", "eager"), ("film", "openvino"), ("live", "eager")])
def test_memory_and_threads_stay_as_they_are(kind: str, engine: str) -> None:
    """200 and 2,000 frames of a film, 1,000 and 10,000 of a live run; see ``steady_runs.py``."""
    if engine == "openvino":
        pytest.importorskip("openvino")
    folder = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder.parent), str(folder)))}
    command = [sys.executable, str(folder / "steady_runs.py"), kind, engine]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stderr
    (early, threads), (late, threads_late) = json.loads(done.stdout.splitlines()[-1])
    assert late <= ALLOWED * early
    assert threads_late == threads
