"""Damage: what of a film can be read is painted, the rest is counted, and nothing is believed that it says of itself."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from clips import numbered, read_film, small_stylizer, write_clip
from film_runs import Slow, StopAfter

from rtstyle.errors import SourceError
from rtstyle.frame import StreamInfo
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.video.film import FilmOptions, paint_film


def _damaged(path: Path, source: Path, places: Sequence[float]) -> Path:
    data = bytearray(source.read_bytes())
    for place in places:
        start = int(len(data) * place)
        data[start : start + 40] = bytes(range(40))
    path.write_bytes(data)
    return path


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", 60, options={"g": "10", "bf": "0"})
    source = _damaged(tmp_path / "in.ts", whole, [0.3, 0.5, 0.7])
    report = paint_film(str(source), tmp_path / "out.mp4", small_stylizer())
    assert report.damage.packets
    assert not report.complete
    assert 30 < report.frames <= 60
    with pytest.raises(SourceError):
        paint_film(str(source), tmp_path / "strict.mp4", small_stylizer(), FilmOptions(read=ReadOptions(strict=True)))
    assert not (tmp_path / "strict.mp4").exists()


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
def test_a_truncated_film_is_painted_as_far_as_it_goes(tmp_path: Path, extension: str) -> None:
    options = {"movflags": "+faststart"} if extension == "mp4" else {}
    noise = [np.random.default_rng(i).integers(0, 256, (48, 64, 3), dtype=np.uint8) for i in range(50)]
    whole = write_clip(tmp_path / f"whole.{extension}", noise, container_options=options)
    source = tmp_path / f"in.{extension}"
    data = whole.read_bytes()
    source.write_bytes(data[: int(len(data) * 0.6)])
    report = paint_film(str(source), tmp_path / "out.mp4", small_stylizer())
    assert report.damage.truncated
    assert not report.complete
    assert 20 < report.frames < 50
    assert len(read_film(tmp_path / "out.mp4").times) == report.frames


def test_an_input_that_grows_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.ts", 60, options={"g": "10", "bf": "0"}).read_bytes()
    source = tmp_path / "in.ts"
    source.write_bytes(whole[: len(whole) // 2 // 188 * 188])
    stylizer = small_stylizer()

    class Grow(StopAfter):
        def step(self, frames: int, info: StreamInfo) -> None:
            if frames == 3:
                source.write_bytes(whole)

    report = paint_film(str(source), tmp_path / "out.mp4", Slow(stylizer.bank, stylizer.look), listener=Grow(0))
    assert 20 <= report.frames <= 60
    assert len(read_film(tmp_path / "out.mp4").times) == report.frames


def test_whole_films_are_not_called_truncated(tmp_path: Path) -> None:
    for name, options in (("a.mp4", {"bf": "2"}), ("b.mkv", {"bf": "3"}), ("c.avi", {"bf": "2"}), ("d.ts", {}), ("e.mov", {})):
        source = write_clip(tmp_path / name, 30, options=options, times=[i - 4 for i in range(30)] if name == "e.mov" else None)
        report = paint_film(str(source), tmp_path / f"out_{name[0]}.mp4", small_stylizer())
        assert report.complete, (name, str(report.damage))


def test_bombs_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", [numbered(0, (256, 256))])
    with pytest.raises(SourceError, match="limit of 1,000 pixels"), VideoSource(source, ReadOptions(max_pixels=1000)):
        pass


def test_a_bomb_of_sixty_thousand_squared_is_refused_at_once(tmp_path: Path) -> None:
    # A PNG's header claims the size; nothing of it is allocated.
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SourceError), VideoSource(bomb):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
