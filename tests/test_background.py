"""A program ends as it was told to, whatever a thread that was left behind is doing."""

from __future__ import annotations

import subprocess
import sys

BUSY = """
import sys, threading, torch
from rtstyle.system.background import BackgroundThread, leave

def paint():
    while True:
        torch.nn.functional.conv2d(torch.rand(1, 8, 64, 64), torch.rand(8, 8, 3, 3))
        begun.set()

begun = threading.Event()
BackgroundThread(paint, name="paint").start()
begun.wait()
print("done")
END(3)
"""


def ends(how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BUSY.replace("END", how)], capture_output=True, text=True, timeout=120)


def test_a_busy_thread_does_not_abort_the_end() -> None:
    ended = ends("leave")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "done\n", "")


def test_without_such_a_thread_what_waits_for_the_end_is_done() -> None:
    code = "import atexit\nfrom rtstyle.system.background import leave\natexit.register(print, 'closed')\nleave(4)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (4, "closed\n")
