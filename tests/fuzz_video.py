"""Feeds damaged films to the decoder, each within a time limit; run as ``python tests/fuzz_video.py COUNT SEED``.

Prints one line with what came of them; exits 1 where a film crashed the process, hung it, raised anything that is not an
:class:`rtstyle.errors.RTStyleError`, or made memory grow without bound.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).parent))

from clips import write_clip

from rtstyle.errors import RTStyleError
from rtstyle.sinks.null import NullSink
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.tracks import FileTracks
from rtstyle.sources.video import VideoSource

SECONDS_EACH = 10
MEGABYTES = 600
"""How far memory may grow over the whole run."""


def originals(folder: Path) -> list[bytes]:
    """Small films of every container and a few codecs."""
    kinds = [
        ("a.mp4", "libx264", "yuv420p", {}),
        ("b.mkv", "libx264", "yuv420p", {}),
        ("c.avi", "mpeg4", "yuv420p", {}),
        ("d.ts", "mpeg2video", "yuv420p", {}),
        ("e.webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime"}),
        ("f.gif", "gif", "rgb8", {}),
        ("g.mov", "prores_ks", "yuv422p10le", {}),
        ("h.mkv", "ffv1", "bgr0", {}),
        ("i.mp4", "libx265", "yuv420p", {"x265-params": "log-level=error"}),
        ("j.flv", "flv", "yuv420p", {}),
    ]
    sound = {"a.mp4": ["aac"], "b.mkv": ["libopus"], "d.ts": ["mp2"]}
    return [
        write_clip(folder / name, 8, codec=codec, pixel_format=pixels, options=options, audio=sound.get(name, [])).read_bytes()
        for name, codec, pixels, options in kinds
    ]


def mutated(films: list[bytes], dice: random.Random) -> bytes:
    """One film with bits flipped, bytes overwritten, an end cut off, or a piece of another film inside."""
    data = bytearray(dice.choice(films))
    for _ in range(dice.choice([1, 1, 2, 4])):
        kind = dice.randrange(5)
        place = dice.randrange(len(data))
        if kind == 0:
            for _ in range(dice.choice([1, 8, 64])):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data = data[: max(1, place)]
        elif kind == 2:
            other = dice.choice(films)
            start = dice.randrange(len(other))
            data[place : place + dice.randrange(400)] = other[start : start + dice.randrange(400)]
        elif kind == 3:
            data[place : place + 4] = dice.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00"])
        else:
            head = min(len(data), 2000)  # headers are where the numbers are
            data[dice.randrange(head)] = dice.randrange(256)
        if not data:
            return b"\x00"
    return bytes(data)


def read_all(path: Path) -> str:
    """Decode to nowhere; what came of it in a word."""
    sink = NullSink()
    try:
        with VideoSource(path, ReadOptions(max_pixels=4_000_000)) as source, FileTracks(path) as tracks, sink:
            sink.open(source.info)
            for frame in source:
                sink.write(frame)
                if sink.count > 500:
                    break
            for _ in tracks.packets(None):
                pass
            return "damaged" if source.damage else "read"
    except RTStyleError as error:
        return "refused" if "\n" not in str(error) else "many lines"


def main(count: int, seed: int) -> int:
    """Try ``count`` films; the exit code."""
    av.logging.set_level(None)
    dice = random.Random(seed)
    seen: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        films = originals(Path(name))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(count):
            path = Path(name) / "film"
            path.write_bytes(mutated(films, dice))
            sys.stderr.write(f"{number} ")  # the last number tells which film crashed the process
            begun = time.monotonic()
            signal.alarm(SECONDS_EACH)  # its default action ends the process: a hang inside libav cannot be caught
            seen[read_all(path)] += 1
            signal.alarm(0)
            slowest = max(slowest, time.monotonic() - begun)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    sys.stdout.write(f"{dict(seen)}, slowest {slowest:.2f} s, memory grew by {grown:.0f} MB\n")
    return 1 if grown > MEGABYTES or seen["many lines"] else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
