"""A disk that is full in mid-run: what was painted is kept and plays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import read_film, write_clip

from rtstyle.sinks.roomy import RoomyFile

ROOT = Path(__file__).parent.parent

FULL = """
import os, shutil, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from clips import small_stylizer
from rtstyle.errors import SinkError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.video.film import FilmOptions, paint_film
source, kept, outputs = sys.argv[2], sys.argv[3], sys.argv[4:]
for output in map(Path, outputs):
    try:
        paint_film(source, output, small_stylizer(), FilmOptions(write=VideoOptions(crf=0, preset="ultrafast")))
        print("no error")
    except SinkError as error:
        print(error)
    print(*sorted(it.name for it in output.parent.iterdir()))
    for it in output.parent.iterdir():
        shutil.copy(it, kept)
        it.unlink()
"""


def _noise(path: Path, frames: int) -> Path:
    pictures = [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(frames)]
    return write_clip(path, pictures, codec="ffv1", pixel_format="bgr0", audio=["flac"])


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    mount = "mount -t tmpfs -o size=1m none /mnt"
    return unshare is not None and subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True).returncode == 0


def test_a_full_disk_keeps_what_was_painted(tmp_path: Path) -> None:
    if not _may_mount():
        pytest.skip("no small file system can be mounted here (unshare -rm)")
    source = _noise(tmp_path / "in.mkv", 120)
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    names = ["out.mp4", "out.mkv"]
    # The file system is seen by this process alone and goes with it.
    words = [str(ROOT / "tests"), str(source), str(kept), *(str(disk / name) for name in names)]
    script = f'mount -t tmpfs -o size=2m none "{disk}" && exec "{sys.executable}" -c "$0" "$@"'
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, FULL, *words], capture_output=True, text=True, timeout=100, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert len(said) == 4
    for name, line, there in zip(names, said[::2], said[1::2], strict=True):
        partial = name.replace(".", ".partial.")
        assert line.startswith("the disk is full: ")
        assert line.endswith(partial)
        assert there.split() in ([partial], [partial, f"{partial}.json"])
        film = read_film(kept / partial)
        assert 10 < len(film.times) < 120
        assert f"; {len(film.times)} frames are kept in " in line
        assert film.track("flac")
        before = read_film(source)
        assert film.times == pytest.approx(before.times[: len(film.times)], abs=0.001)


def test_a_size_limit_is_one_clear_line_and_mkv_is_kept(tmp_path: Path) -> None:
    source = _noise(tmp_path / "in.mkv", 30)
    kept = tmp_path / "kept"
    kept.mkdir()
    outputs = [tmp_path / "a" / "out.mp4", tmp_path / "b" / "out.mkv"]
    for output in outputs:
        output.parent.mkdir()
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    run = subprocess.run(
        [sys.executable, "-c", limit + FULL, str(ROOT / "tests"), str(source), str(kept), *map(str, outputs)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert all(line.startswith(("cannot write", "cannot finish")) for line in said[::2])
    assert said[2].endswith(f"what was written is kept in {outputs[1].parent / 'out.partial.mkv'}")
    assert [line.split() for line in said[1::2]] == [[], ["out.partial.mkv"]]
    assert len(read_film(kept / "out.partial.mkv").times) > 3


def test_room_is_given_back_at_the_end(tmp_path: Path) -> None:
    file = RoomyFile(tmp_path / "it")
    file.reserve(100_000)
    assert os.listdir(tmp_path) == ["it"]
    assert file.write(b"abc") == 3
    file.seek(1)
    file.write(b"x")
    assert file.tell() == 2
    file.close()
    assert (tmp_path / "it").read_bytes() == b"axc"
