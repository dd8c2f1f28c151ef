"""What the page leaves behind when it ends: nothing, even where it is told to end in the midst of work, or killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from gradio_client import handle_file
from test_webui_clips import make_clip
from visitors import visitor

from rtstyle.webui.folder import RunFolder
from rtstyle.webui.settings import Limits

PATIENCE_S = 90
SERVE = "from rtstyle.cli.main import main; main()"
HOLD = """
import sys
from rtstyle.webui.folder import RunFolder
from rtstyle.webui.settings import Limits
print(RunFolder(Limits()).root, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this process and of those it starts."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdin=-1, stdout=-1, stderr=-1, text=True)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM")
@pytest.mark.timeout(3 * PATIENCE_S)
def test_a_page_told_to_end_in_the_midst_of_a_clip_leaves_nothing_behind(scratch: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=240, size=(360, 480))
    with start(SERVE, "demo", "--port", "0", "--device", "cpu", "--engine", "eager") as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, server.communicate(timeout=PATIENCE_S)
        job = visitor(found[0], tmp_path / "downloads").submit(
            clip=handle_file(clip), style="wave", paint_size=0, api_name="/clip"
        )
        for outputs in job:
            if "of 240 frames" in outputs[2]["value"]:
                break
        assert any(path.is_file() for path in scratch.rglob("*.mp4"))
        server.send_signal(signal.SIGTERM)
        _, complaints = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 130, complaints
    assert "Traceback" not in complaints
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="there are no such locks")
def test_the_folder_of_a_killed_page_is_removed_by_the_next_but_that_of_a_living_one_is_not(scratch: Path) -> None:
    with start(HOLD) as living, start(HOLD) as killed:
        roots = [Path(one.stdout.readline().strip()) for one in (living, killed) if one.stdout]
        killed.kill()
        killed.wait(PATIENCE_S)
        assert all(root.is_dir() for root in roots)
        with RunFolder(Limits()) as own:
            assert own.root.parent == scratch
            assert [root.is_dir() for root in roots] == [True, False]
        living.communicate("", timeout=PATIENCE_S)
    assert list(scratch.iterdir()) == []
