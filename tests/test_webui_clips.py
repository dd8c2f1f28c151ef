"""Clips on the page: looked at before anything opens them, painted by the one pipeline, stopped when asked."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from visitors import visitor

from rtstyle.engines import Engine, Work, open_engine
from rtstyle.sources.video import VideoSource
from rtstyle.webui import studio
from rtstyle.webui.clips import Counter
from rtstyle.webui.jobs import Job, Jobs
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.server import PageServer
from rtstyle.webui.settings import Limits, PageConfig
from rtstyle.webui.uploads import looks_like_a_clip, open_clip

if TYPE_CHECKING:
    from rtstyle.pixels import Pixels


def make_clip(path: Path, *, frames: int = 12, size: tuple[int, int] = (64, 96), seed: int = 0, sound: bool = True) -> Path:
    """Drifting blocks with a tone, at 12 frames a second."""
    height, width = size
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=12, options={"preset": "ultrafast", "crf": "10"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=16000) if sound else None
        for index in range(frames):
            picture = np.roll(np.asarray(Image.fromarray(blocks).resize((width, height))), index * 4, axis=1)
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(video.encode())
        if audio is not None:
            tone = np.sin(np.arange(16000 * frames // 12) * 0.1, dtype=np.float32)[None] * 0.2
            for start in range(0, tone.shape[1] - 1023, 1024):
                block = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                container.mux(audio.encode(block))
            container.mux(audio.encode())
    return path


def read_clip(path: str | Path) -> tuple[list[Pixels], int]:
    """All frames, and how many packets of sound."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = sum(packet.size > 0 for packet in container.demux(audio=0)) if container.streams.audio else 0
    return pictures, sound


def is_nearer(seen: Pixels, expected: Pixels, *, than: Pixels) -> bool:
    """Whether ``seen``, which an encoder has been over, is clearly ``expected`` and not the other picture."""
    return bool(np.abs(seen.astype(int) - expected).mean() < 0.6 * np.abs(seen.astype(int) - than).mean())


def render(client: Client, path: Path, **look: Any) -> tuple[Any, ...]:
    values: dict[str, Any] = {"style": "wave", "paint_size": 0, **look}
    return client.predict(clip=handle_file(path), **values, api_name="/clip")


def film_of(result: tuple[Any, ...]) -> str:
    value = result[0]["value"] if isinstance(result[0], dict) else result[0]
    return value["video"] if isinstance(value, dict) and "video" in value else value


@pytest.fixture(scope="module")
def client(page: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return visitor(page.url, tmp_path_factory.mktemp("downloads"))


def test_a_clip_is_painted_with_all_its_frames_and_its_sound(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    painted, sound = read_clip(film_of(render(client, path, style="scream")))
    original, original_sound = read_clip(path)
    assert len(painted) == len(original) == 12
    assert sound == original_sound > 0
    expected = page.studio.paint(original[3], page.studio.look("scream"))
    assert is_nearer(painted[3], expected, than=original[3])


def test_a_frame_is_shown_before_the_whole_clip_is_painted(client: Client, page: PageServer, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", sound=False)
    taste, _ = client.predict(clip=handle_file(path), moment=50, style="wave", paint_size=0, api_name="/clip_frame")
    shown = np.asarray(Image.open(taste["value"]).convert("RGB"))
    frames = read_clip(path)[0]
    look = page.studio.look("wave")
    assert is_nearer(shown, page.studio.paint(frames[6], look), than=frames[6])
    assert is_nearer(shown, page.studio.paint(frames[6], look), than=page.studio.paint(frames[2], look))


def test_a_clip_is_looked_into_where_asked_also_where_it_begins_late(tmp_path: Path) -> None:
    path, late = make_clip(tmp_path / "in.mp4", sound=False), tmp_path / "late.mp4"
    with av.open(str(path)) as source, av.open(str(late), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts = (time + int(5 / packet.time_base) for time in (packet.pts, packet.dts))
                packet.stream = stream
                target.mux(packet)
    frames = read_clip(path)[0]
    for film in (path, late):
        clip = open_clip(str(film), Limits())
        seen = [clip.frame_at(share).data for share in (0.0, 0.5, 1.0)]
        assert [min(range(12), key=lambda i: np.abs(frames[i].astype(int) - it).mean()) for it in seen] == [0, 6, 11]


def test_four_visitors_clips_at_once_are_not_mixed_up(page: PageServer, tmp_path: Path) -> None:
    names = page.studio.bank.names

    def visit(number: int) -> bool:
        path = make_clip(
            tmp_path / f"{number}.mp4", frames=6 + number, size=(48 + 16 * number, 96), seed=number, sound=number % 2 == 0
        )
        painted, sound = read_clip(film_of(render(visitor(page.url, tmp_path / str(number)), path, style=names[number])))
        original, original_sound = read_clip(path)
        expected = page.studio.paint(original[2], page.studio.look(names[number]))
        mistaken = page.studio.paint(original[2], page.studio.look(names[(number + 1) % 4]))
        close = is_nearer(painted[2], expected, than=mistaken)
        return bool(close and len(painted) == 6 + number and sound == original_sound)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(visit, range(4))) == [True] * 4


def test_first_clips_at_once_share_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def slowly(*arguments: Any, work: Work) -> Engine:
        time.sleep(0.2)
        opened.append(work)
        return open_engine(*arguments, work=work)

    monkeypatch.setattr(studio, "open_engine", slowly)
    fresh = studio.Studio(PageConfig(engine="eager", device="cpu"))
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda _: fresh.film_engine, range(4)))
    fresh.close()
    assert opened == ["still", "film"]
    assert len({id(engine) for engine in engines}) == 1


def test_stopping_keeps_what_is_painted_and_frees_the_place(
    client: Client, page: PageServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_clip(tmp_path / "long.mp4", frames=60, sound=False)
    engine = page.studio.film_engine.engine

    class Slow:
        name, preferred_batch = "slow", 1

        def __call__(self, *args: Any) -> Any:
            time.sleep(0.1)
            return engine(*args)

    monkeypatch.setattr(page.studio.film_engine, "engine", Slow())
    job = client.submit(clip=handle_file(path), style="wave", paint_size=0, api_name="/clip")
    for outputs in job:
        if " of 60 frames" in outputs[2]["value"]:
            break
    client.predict(api_name="/stop_clip")
    result = job.result(timeout=60)
    assert "Stopped" in result[2]["value"]
    painted, _ = read_clip(film_of(result))
    assert 0 < len(painted) < 60


def test_the_clip_of_a_visitor_who_leaves_is_given_up(page: PageServer) -> None:
    job = Job(lambda stop: stop.wait(20))
    watching = page.studio.jobs[0].follow(gr.Request(session_hash="somebody"), job)
    next(watching)
    page.studio.left("somebody else")
    assert not job.stop.is_set()
    page.studio.left("somebody")
    list(watching)
    assert job.result is True


def test_a_visitor_has_one_clip_painted_at_a_time_and_all_end_with_the_server() -> None:
    jobs, somebody = Jobs(), gr.Request(session_hash="somebody")
    first = Job(lambda stop: stop.wait(20))
    watching = jobs.follow(somebody, first)
    next(watching)
    with pytest.raises(VisitorError, match="worked on already"):
        next(jobs.follow(somebody, Job(lambda stop: stop.wait(20))))
    next(jobs.follow(gr.Request(session_hash="somebody else"), Job(lambda stop: stop.wait(20))))
    jobs.close()
    assert first.result is True
    list(watching)
    list(jobs.follow(somebody, Job(lambda stop: None)))


def record(path: Path, frames: int) -> Path:
    """A clip at 12 frames a second as a browser records one: written as it comes, so that its length is never filled in."""
    with av.open(str(path), "w", format="webm", options={"live": "1"}) as container:
        video = container.add_stream("libvpx", rate=12)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            picture = np.full((48, 64, 3), 240 * index // frames, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode())
    with av.open(str(path)) as container:
        assert not container.duration
    return path


def test_a_clip_that_does_not_say_its_length_is_measured(page: PageServer, tmp_path: Path) -> None:
    clip = open_clip(str(record(tmp_path / "recorded.webm", 24)), page.studio.limits)
    assert clip.frames == 24
    assert clip.seconds == pytest.approx(2.0, abs=0.01)
    assert float(clip.frame_at(0.5).pts_seconds) == pytest.approx(1.0, abs=0.1)
    counter = Counter(clip.frames)
    with VideoSource(clip.path, clip.options) as source:
        counter.begin(source.info)
        counter.step(12, source.info)
    assert "12 of 24 frames" in counter.bar()
    with pytest.raises(VisitorError, match="lasts 7 s; up to 6 s"):
        open_clip(str(record(tmp_path / "long.webm", 12 * 7)), page.studio.limits)


def test_a_clip_that_is_too_long_is_refused(client: Client, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "long.mp4", frames=12 * 7, size=(32, 32), sound=False)
    with pytest.raises(AppError, match="lasts 7 s; up to 6 s"):
        render(client, path)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x00\x00\x00\x18ftypmp42 and then nothing that makes sense",
        b"",
    ],
)
def test_playlists_scripts_and_rubbish_are_refused_whatever_they_are_called(
    client: Client, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "holiday.mp4"
    path.write_bytes(content)
    with pytest.raises(AppError, match="not a clip we can read") as caught:
        render(client, path)
    assert "/" not in str(caught.value)


def test_the_containers_people_have_are_recognised(tmp_path: Path) -> None:
    for suffix in ("mp4", "mov", "mkv", "avi", "flv", "ts"):
        path = make_clip(tmp_path / f"clip.{suffix}", frames=3, sound=False)
        assert looks_like_a_clip(path.read_bytes()[:400]), suffix
    assert not looks_like_a_clip(b"#EXTM3U\n" + b"x" * 400)


def test_a_job_that_nobody_watches_any_more_stops_and_nobody_waits_for_it() -> None:
    """Until it has ended, its visitor has no other."""
    jobs, somebody = Jobs(), gr.Request(session_hash="somebody")
    told, may_end = threading.Event(), threading.Event()

    def work(stop: threading.Event) -> None:
        stop.wait(20)
        told.set()
        may_end.wait(20)

    job = Job(work)
    watching = jobs.follow(somebody, job)
    next(watching)
    watching.close()  # returns though the work goes on
    assert told.wait(20)
    with pytest.raises(VisitorError, match="worked on already"):
        next(jobs.follow(somebody, Job(lambda stop: None)))
    may_end.set()
    job.wait(20)
    list(jobs.follow(somebody, Job(lambda stop: None)))
