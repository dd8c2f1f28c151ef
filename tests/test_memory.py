"""Memory of freed tensors is kept for the next ones."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PAINT = """
import resource, statistics, sys, threading
from rtstyle.system.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
import torch
from rtstyle.engines.eager import EagerEngine
from rtstyle.styles import StyleBank
torch.set_num_threads(1)
bank = StyleBank.load(tier="live")
engine = EagerEngine(bank.network, torch.device("cpu"))
frames, style = torch.zeros(1, 1080, 1920, 3, dtype=torch.uint8), bank.vectors["wave"][None]
def paint():
    faults = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        engine(frames, style)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(int(statistics.median(faults[3:])))
paint()
thread = threading.Thread(target=paint)
thread.start()
thread.join()
"""


def page_faults(memory: str) -> list[int]:
    """Of a large frame: in the first thread, and in another. The median, as the heap still grows once in a while."""
    done = subprocess.run([sys.executable, "-c", PAINT, memory], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its own house")
def test_large_frames_meet_no_fresh_memory() -> None:
    for kept, usual in zip(page_faults("kept"), page_faults("given back"), strict=True):
        assert kept < 0.2 * usual
