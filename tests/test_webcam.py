"""``rtstyle webcam`` as a person runs it: a window under Xvfb with real keys, no display at all, Ctrl-C, bad wishes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from rtstyle.cli.app import app
from rtstyle.errors import RTStyleError, SourceError
from rtstyle.pixels import Pixels
from rtstyle.sources.device import DeviceSource, screen
from rtstyle.system.interrupt import ending_signals

PATIENCE = 90.0
COMMAND = [sys.executable, "-c", "from rtstyle.cli.main import main; main()", "webcam", "--engine", "eager", "--height", "96"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a moving test picture, 320x180."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with generated("testsrc=size=320x180:rate=25") as frames, av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(50):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(next(frames), format="rgb24")))
        output.mux(stream.encode(None))
    return path


@contextmanager
def generated(graph: str) -> Iterator[Iterator[Pixels]]:
    from rtstyle.sources.device import generator

    with DeviceSource(generator(graph)) as source:
        yield (frame.data for frame in source)


@contextmanager
def running(*arguments: str, display: str | None = None, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, ended in any case."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    if display:
        environment["DISPLAY"] = display
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def until(found: Callable[[], bool], process: subprocess.Popen[str], what: str) -> None:
    """Wait for ``found``; fail with what the process said."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"{what} never came: {process.communicate()[1]}")
        time.sleep(0.1)


@pytest.fixture
def xdo(display: str) -> Callable[..., None]:
    """Does what a person does at the display."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")

    def act(*words: str) -> None:
        subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": display}, check=True, timeout=20)

    return act


def shot(display: str) -> Pixels:
    """The whole screen, 1280x800."""
    with DeviceSource(screen(display=display, platform="linux")) as source:
        return next(iter(source)).data.copy()


def difference(before: Pixels, after: Pixels) -> float:
    """The share of pixels that look different."""
    return float((np.abs(after.astype(int) - before).max(axis=2) > 24).mean())


@pytest.mark.timeout(300)
def test_a_window_obeys_its_keys(display: str, xdo: Callable[..., None], clip: Path, tmp_path: Path) -> None:
    def press(key: str) -> None:
        xdo("key", key)

    def seen() -> Pixels:
        return shot(display)[:480, :854]

    def differs(before: Pixels, share: float) -> bool:
        return difference(before, seen()) > share

    with running("--source", str(clip), "--style", "wave,scream", "--folder", str(tmp_path), display=display) as process:
        until(lambda: np.unique(seen()[60:420].reshape(-1, 3), axis=0).shape[0] > 500, process, "a picture")
        press("space")
        time.sleep(1.0)
        frozen = seen()
        assert not differs(frozen, 0.01), "space freezes"
        press("Right")
        until(lambda: differs(frozen, 0.2), process, "another style")
        time.sleep(1.0)
        changed = seen()
        press("question")
        until(lambda: differs(changed, 0.2), process, "the help")
        press("question")
        until(lambda: not differs(changed, 0.02), process, "the picture without help")
        press("x")
        until(lambda: differs(changed, 0.1), process, "the unpainted half")
        press("s")
        until(lambda: bool(list(tmp_path.glob("rtstyle-*.png"))), process, "a still")
        press("q")
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "frames in" in out
    assert "latency p50" in out
    assert "Traceback" not in err


@pytest.mark.timeout(300)
def test_the_divider_follows_the_mouse(display: str, xdo: Callable[..., None], clip: Path) -> None:
    def window(before: Pixels) -> float:
        return difference(before[:480, :854], shot(display)[:480, :854])

    with running("--source", str(clip), "--style", "wave,scream", display=display) as process:
        until(lambda: np.unique(shot(display)[60:420, :854].reshape(-1, 3), axis=0).shape[0] > 500, process, "a picture")
        xdo("key", "space")
        time.sleep(1.0)
        frozen = shot(display)
        xdo("mousemove", "840", "240", "key", "x")
        until(lambda: window(frozen) > 0.3, process, "the divider at the right")
        xdo("mousemove", "20", "240")
        until(lambda: window(frozen) < 0.1, process, "the divider following to the left")
        xdo("key", "q")
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err


@pytest.mark.timeout(300)
def test_the_screen_is_painted_beside_a_window(display: str, tmp_path: Path) -> None:
    film = tmp_path / "screen.mp4"
    with running("--source", "screen", "--record", str(film), "--seconds", "6", display=display) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "frames in" in out
    with av.open(str(film)) as recorded:
        assert recorded.streams.video[0].height == 800
        assert next(recorded.decode(video=0)).to_ndarray(format="rgb24").shape == (800, 1280, 3)


def test_a_screen_that_is_not_there_is_one_line() -> None:
    with pytest.raises(SourceError, match="cannot open the screen: "), DeviceSource(screen(display=":999", platform="linux")):
        pass


def test_without_a_display_the_other_outputs_work(clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "out.mp4"
    with running("--source", str(clip), "--once", "--record", str(film), "--http", "0") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "no window: there is no display" in err
    assert "watch at http://127.0.0.1:" in err
    assert "frames in" in out
    with av.open(str(film)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert 1.5 < times[-1] - times[0] < 4, "it plays as fast as it happened"


def test_without_a_display_and_outputs_it_says_what_to_do(clip: Path) -> None:
    with running("--source", str(clip)) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert not out
    assert len(err.strip().splitlines()) == 1
    assert "--record" in err


@pytest.mark.parametrize("number", ending_signals())
def test_ctrl_c_and_a_closed_terminal_close_every_file(clip: Path, tmp_path: Path, number: int) -> None:
    film = tmp_path / "out.mp4"
    with running("--source", str(clip), "--loop", "--no-window", "--record", str(film)) as process:
        until(lambda: bool(list(tmp_path.glob(".out.*"))), process, "the recording")
        time.sleep(1.0)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "frames in" in out
    assert list(tmp_path.iterdir()) == [film]
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-window", "--source", "CLIP"], "there is no output"),
        (["--source", "nowhere.mp4"], "is no file"),
        (["--source", "CLIP", "--style", "wavy"], "did you mean wave"),
        (["--source", "CLIP", "--size", "huge"], "is not WIDTHxHEIGHT"),
        (["--source", "CLIP", "--cycle", "soon"], "is not a time"),
        (["--source", "CLIP", "--rate", "0"], "frames per second"),
        (["--source", "CLIP", "--folder", "/no/such/folder"], "does not exist"),
        (["--source", "CLIP", "--no-window", "--stream", "ftp://x"], "cannot send"),
        (["--camera", "no such camera"], "no camera"),
    ],
)
def test_bad_wishes_are_refused_in_one_line(arguments: list[str], message: str, clip: Path) -> None:
    result = CliRunner().invoke(app, ["webcam", *(str(clip) if word == "CLIP" else word for word in arguments)])
    assert isinstance(result.exception, RTStyleError)
    assert message in str(result.exception)
    assert result.exception.exit_code == 2
    assert "\n" not in str(result.exception)


def test_cameras_are_listed() -> None:
    result = CliRunner().invoke(app, ["webcam", "--list-cameras"])
    assert result.exit_code == 0
    assert result.output.strip()
