"""Time: every frame of the output is shown when its original was."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from clips import Film, read_film, small_stylizer, write_clip

from rtstyle.errors import SourceError
from rtstyle.sinks.encoders import VideoOptions
from rtstyle.sources.reading import ReadOptions
from rtstyle.sources.video import VideoSource
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


def assert_same_times(source: Path, output: Path, *, tick: Fraction) -> None:
    before, after = read_film(source), read_film(output)
    assert len(after.times) == len(before.times)
    for old, new in zip(before.times, after.times, strict=True):
        assert abs(new - old) <= tick / 2


def sound_of(film: Film) -> list[tuple[Fraction, bytes]]:
    return next(film.packets[index] for index, kind in film.kinds.items() if kind.startswith(("mp2", "mp3")))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)])
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_constant_rates(tmp_path: Path, untouched: Stylizer, rate: Fraction, extension: str) -> None:
    source = write_clip(tmp_path / f"in.{extension}", rate=rate, time_base=1 / rate)
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert_same_times(source, tmp_path / "out.mp4", tick=1 / rate / 1000)
    assert read_film(tmp_path / "out.mp4").seconds == pytest.approx(read_film(source).seconds, abs=float(1 / rate))


VARIABLE = [0, 1, 5, 6, 7, 30, 31, 50, 90, 91, 92, 150]


@pytest.mark.parametrize("frames", [{}, {"bf": "3"}, {"bf": "0"}])
@pytest.mark.parametrize("extension", ["mp4", "mov", "mkv"])
def test_variable_rate_with_and_without_b_frames(
    tmp_path: Path, untouched: Stylizer, frames: dict[str, str], extension: str
) -> None:
    source = write_clip(tmp_path / "in.mp4", times=VARIABLE, time_base=Fraction(1, 90), rate=25, options=frames)
    paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert_same_times(source, tmp_path / f"out.{extension}", tick=Fraction(1, 1000) if extension == "mkv" else Fraction(1, 90000))


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_a_late_start_and_late_sound_stay_late(tmp_path: Path, untouched: Stylizer, extension: str) -> None:
    times = [20 + i for i in range(12)]
    source = write_clip(tmp_path / f"in.{extension}", times=times, audio=["aac"], audio_start=Fraction(1, 2))
    paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    assert_same_times(source, tmp_path / f"out.{extension}", tick=Fraction(1, 1000))
    before, after = read_film(source), read_film(tmp_path / f"out.{extension}")
    assert after.track("aac")[0][0] == pytest.approx(before.track("aac")[0][0], abs=0.001)
    assert after.track("aac")[0][0] - after.times[0] == pytest.approx(before.track("aac")[0][0] - before.times[0], abs=0.001)


def test_h264_in_avi_is_put_in_display_order(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.avi", 14, options={"bf": "2"})
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    film = read_film(tmp_path / "out.mp4")
    assert film.times == [Fraction(i, 25) for i in range(14)]
    levels = [int(picture[40, 40, 0]) for picture in film.pictures]
    assert levels == sorted(levels)


def test_an_edit_list_cuts_what_it_cut(tmp_path: Path, untouched: Stylizer) -> None:
    # Negative first times make the muxer write an edit list that hides the frames before 0.
    source = write_clip(tmp_path / "in.mp4", 14, times=[i - 4 for i in range(14)], options={"bf": "2"})
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert_same_times(source, tmp_path / "out.mp4", tick=Fraction(1, 12800))


def test_one_frame(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mkv", 1)
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert report.stats.frames == 1
    assert read_film(tmp_path / "out.mp4").times == [0]


def test_no_frame_is_one_clear_line(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mkv", 0)
    with pytest.raises(SourceError, match=r"no video (frame|track)|is empty"):
        paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert not (tmp_path / "out.mp4").exists()


def test_the_clock_of_a_broadcast_is_set_to_zero(tmp_path: Path, untouched: Stylizer) -> None:
    start = 3600 * 25
    source = write_clip(tmp_path / "in.ts", times=[start + i for i in range(12)], audio=["aac"], audio_start=Fraction(3600))
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    before, after = read_film(source), read_film(tmp_path / "out.mp4")
    assert min(after.times[0], after.track("aac")[0][0]) == pytest.approx(0, abs=0.001)
    gaps = [float(b - before.times[0]) for b in before.times], [float(a - after.times[0]) for a in after.times]
    assert gaps[1] == pytest.approx(gaps[0], abs=1e-4)
    sound = before.track("aac")[0][0] - before.times[0], after.track("aac")[0][0] - after.times[0]
    assert sound[1] == pytest.approx(sound[0], abs=0.001)


GOPS = {"g": "50", "keyint_min": "50", "sc_threshold": "0", "bf": "2"}
"""Few key frames, so that a seek may land far behind one."""


@pytest.mark.parametrize("extension", ["ts", "mpg", "h264", "mp4"])
def test_no_frame_is_lost_behind_a_start(tmp_path: Path, extension: str) -> None:
    source = write_clip(tmp_path / f"in.{extension}", 120, options=GOPS)
    with VideoSource(source) as film:
        whole = [(frame.pts, int(frame.data[40, 40, 0])) for frame in film]
        begin, unit = film.first_seconds, film.info.time_base
    with VideoSource(source, ReadOptions(start=Fraction(77, 25))) as film:
        assert [(frame.pts, int(frame.data[40, 40, 0])) for frame in film] == whole[77:]
        assert not film.damage
    with VideoSource(source, ReadOptions(after=whole[76][0] * unit)) as film:
        assert [(frame.pts, int(frame.data[40, 40, 0])) for frame in film] == whole[77:]
        assert film.info.start == whole[77][0] * unit - begin


def test_a_cut_of_a_broadcast_counts_from_its_beginning(tmp_path: Path, untouched: Stylizer) -> None:
    times = [3600 * 25 + i for i in range(25)]
    source = write_clip(tmp_path / "in.ts", times=times, pictures=25, audio=["mp2"], audio_start=Fraction(3600))
    cut = FilmOptions(read=ReadOptions(start=Fraction(1, 5), end=Fraction(2, 5)))
    paint_film(str(source), tmp_path / "out.mp4", untouched, cut)
    film = read_film(tmp_path / "out.mp4")
    assert [float(time) for time in film.times] == pytest.approx([0.01 + i / 25 for i in range(5)], abs=0.001)
    assert [int(picture[40, 40, 0]) for picture in film.pictures] == pytest.approx([40 + 8 * i for i in range(5, 10)], abs=2)
    sound = sound_of(film)
    assert -0.03 < sound[0][0] < 0.03
    assert 0.15 < sound[-1][0] < 0.2
    with VideoSource(source) as film:  # what a reader says of itself can be asked of the next
        moment = film.info.start + Fraction(1, 2)
    with VideoSource(source, ReadOptions(start=moment)) as film:
        assert film.info.start == pytest.approx(moment, abs=0.04)


def joined_broadcast(tmp_path: Path, extension: str, codec: str) -> tuple[Path, Path]:
    """A recording of three whose clock jumps back, then far ahead, and its first part alone."""
    late, early = (
        write_clip(
            tmp_path / f"{start}.{extension}",
            times=[25 * start + i for i in range(12)],
            codec=codec,
            audio=["mp2"],
            audio_start=Fraction(start),
        )
        for start in (100, 0)
    )
    source = tmp_path / f"in.{extension}"
    source.write_bytes(late.read_bytes() + early.read_bytes() + late.read_bytes())
    return source, late


JOINED = pytest.mark.parametrize(("extension", "codec"), [("ts", "libx264"), ("vob", "mpeg2video")])


@JOINED
def test_a_start_in_a_joined_broadcast_is_a_time_that_viewers_see(
    tmp_path: Path, untouched: Stylizer, extension: str, codec: str
) -> None:
    source, _ = joined_broadcast(tmp_path, extension, codec)
    paint_film(str(source), tmp_path / "whole.mkv", untouched, FilmOptions(write=VideoOptions(codec="ffv1")))
    whole = read_film(tmp_path / "whole.mkv")
    for number in (7, 16, 29):
        start = (whole.times[number - 1] + whole.times[number]) / 2
        cut = FilmOptions(read=ReadOptions(start=start), write=VideoOptions(codec="ffv1"), overwrite=True)
        report = paint_film(str(source), tmp_path / "cut.mkv", untouched, cut)
        assert report.complete
        film = read_film(tmp_path / "cut.mkv")
        assert [float(time + start) for time in film.times] == pytest.approx(
            [float(time) for time in whole.times[number:]], abs=0.002
        )
        assert all((new == old).all() for new, old in zip(film.pictures, whole.pictures[number:], strict=True))
        sound = [float(time) for time, _ in sound_of(whole) if time >= start]
        assert [float(time + start) for time, _ in sound_of(film)] == pytest.approx(sound, abs=0.002)


@JOINED
def test_joined_broadcasts_go_on(tmp_path: Path, untouched: Stylizer, extension: str, codec: str) -> None:
    source, late = joined_broadcast(tmp_path, extension, codec)
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    film = read_film(tmp_path / "out.mp4")
    assert report.complete
    assert [float(time - film.times[0]) for time in film.times] == pytest.approx([i / 25 for i in range(36)], abs=0.041)
    sound = [float(time) for time, _ in sound_of(film)]
    assert all(0 < after - before < 0.06 for before, after in pairwise(sound))
    assert len(sound) >= 3 * 19
    alone = read_film(late)
    lag = sound_of(alone)[-1][0] - alone.times[-1]
    assert sound[-1] - float(film.times[-1]) == pytest.approx(float(lag), abs=0.03)


NOT_CODED = bytes.fromhex("000001b650cf")
"""A picture of MPEG-4 that says only that nothing changed."""
LOW_DELAY, DELAY = b"\xc4\x8d\x88", b"\xc4\x8d\x08"
"""Part of the encoder's header, and the same of one that may use B-frames and, as XviD's often does, has none."""


@pytest.mark.parametrize("delayed", [False, True])
def test_pictures_that_are_not_coded_keep_their_time(tmp_path: Path, delayed: bool) -> None:
    coded = write_clip(tmp_path / "coded.avi", 80, codec="mpeg4", options={"bf": "0"})
    with av.open(str(coded)) as film, av.open(str(tmp_path / "in.avi"), "w") as output:
        copy = output.add_stream_from_template(film.streams.video[0])
        for number, packet in enumerate(packet for packet in film.demux() if packet.size):
            moment = number + (number + 2) // 4
            skipped = [av.Packet(NOT_CODED)] if number % 4 == 1 else []
            for later, written in enumerate([packet, *skipped]):
                written.stream, written.time_base = copy, Fraction(1, 25)
                written.pts = written.dts = moment + later
                output.mux(written)
    if delayed:
        data = (tmp_path / "in.avi").read_bytes()
        assert LOW_DELAY in data
        (tmp_path / "in.avi").write_bytes(data.replace(LOW_DELAY, DELAY))
    with VideoSource(tmp_path / "in.avi") as film:
        times = [frame.pts_seconds for frame in film]
    assert times == [Fraction(number + (number + 2) // 4, 25) for number in range(80)]


def test_a_negative_start_moves_sound_and_picture_together(tmp_path: Path, untouched: Stylizer) -> None:
    options = {"avoid_negative_ts": "disabled"}
    source = write_clip(
        tmp_path / "in.asf", 12, times=[i - 5 for i in range(12)], audio=["aac"], container_options=options, options={"bf": "0"}
    )
    before = read_film(source)
    assert before.times[0] < 0
    report = paint_film(str(source), tmp_path / "out.mp4", untouched)
    after = read_film(tmp_path / "out.mp4")
    # libav reads one time of this file twice; the second is moved by a tick of 1/1000 s, since no two may be equal.
    gaps = [float(t - before.times[0]) for t in before.times], [float(t - after.times[0]) for t in after.times]
    assert gaps[1] == pytest.approx(gaps[0], abs=0.0011)
    sound = before.track("aac")[0][0] - before.times[0], after.track("aac")[0][0] - after.times[0]
    assert sound[1] == pytest.approx(sound[0], abs=0.001)
    assert any("moved" in notice for notice in report.notices)


def test_a_source_counts_its_frames_and_knows_its_rate(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", 12)
    with VideoSource(source) as film:
        assert film.info.rate == 25
        assert film.info.size == (48, 64)
        frames = list(film)
    assert [frame.index for frame in frames] == list(range(12))
    assert all(frame.duration for frame in frames)
