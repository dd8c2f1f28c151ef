"""Encoders: every codec in every container that holds it, its numbers, and the choices that cannot be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import bars, numbered, read_film, small_stylizer, write_clip

from rtstyle.errors import UsageError
from rtstyle.sinks.encoders import CODECS, CONTAINERS, VideoOptions, container_of, parse_bitrate, plan
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


@pytest.mark.parametrize(
    ("codec", "name", "decoder", "pixel_format"),
    [
        ("h264", "out.mp4", "h264", "yuv420p"),
        ("hevc", "out.mp4", "hevc", "yuv420p"),
        ("hevc", "out.mkv", "hevc", "yuv420p"),
        ("av1", "out.mp4", "libdav1d", "yuv420p"),
        ("vp9", "out.webm", "vp9", "yuv420p"),
        ("prores", "out.mov", "prores", "yuv422p10le"),
        ("ffv1", "out.mkv", "ffv1", "bgr0"),
        ("h264", "out.ts", "h264", "yuv420p"),
    ],
)
def test_every_codec(tmp_path: Path, untouched: Stylizer, codec: str, name: str, decoder: str, pixel_format: str) -> None:
    source = write_clip(tmp_path / "in.mp4", [numbered(i, (64, 96)) for i in range(5)])
    paint_film(str(source), tmp_path / name, untouched, FilmOptions(write=VideoOptions(codec=codec)))
    film = read_film(tmp_path / name)
    assert film.stream["codec"] == decoder
    assert film.stream["pixel_format"] == pixel_format
    assert len(film.times) == 5
    if pixel_format != "bgr0":
        assert (film.stream["matrix"], film.stream["range"]) == (1, 1)
    before = read_film(source)
    for old, new in zip(before.pictures, film.pictures, strict=True):
        assert np.abs(old.astype(int) - new).mean() < 3


def test_hevc_in_mp4_bears_the_tag_that_players_want(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 3)
    paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(write=VideoOptions(codec="hevc")))
    assert read_film(tmp_path / "out.mp4").stream["tag"] == "hvc1"


def test_ten_bits(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", [bars((64, 256))] * 2)
    for codec in ("h264", "hevc"):
        options = FilmOptions(write=VideoOptions(codec=codec, pixel_format="yuv420p10le"), overwrite=True)
        paint_film(str(source), tmp_path / "out.mp4", untouched, options)
        assert read_film(tmp_path / "out.mp4").stream["pixel_format"] == "yuv420p10le"


def test_mp4_has_its_index_first(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mkv", 12)
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_quality_and_bitrate_change_the_size(tmp_path: Path, untouched: Stylizer) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (96, 128, 3), dtype=np.uint8) for i in range(10)]
    source = write_clip(tmp_path / "in.mkv", noise, codec="ffv1", pixel_format="bgr0")
    sizes = []
    for number, write in enumerate([VideoOptions(crf=10), VideoOptions(crf=40), VideoOptions(bitrate=100_000)]):
        paint_film(str(source), tmp_path / f"{number}.mp4", untouched, FilmOptions(write=write))
        sizes.append((tmp_path / f"{number}.mp4").stat().st_size)
    assert sizes[0] > 2 * sizes[1]
    assert sizes[0] > 2 * sizes[2]


@pytest.mark.parametrize(
    ("container", "options", "words"),
    [
        ("webm", VideoOptions(codec="h264"), "av1, vp9"),
        ("mp4", VideoOptions(codec="ffv1"), ".mkv"),
        ("mp4", VideoOptions(codec="h265"), "hevc"),
        ("mp4", VideoOptions(crf=60), "0..51"),
        ("mp4", VideoOptions(crf=18, bitrate=1_000_000), "not both"),
        ("mp4", VideoOptions(preset="turbo"), "veryfast"),
        ("mp4", VideoOptions(pixel_format="rgb565"), "yuv420p"),
        ("mov", VideoOptions(codec="prores", crf=3), "preset"),
        ("mp4", VideoOptions(hwaccel="amf"), "nvenc"),
        ("mov", VideoOptions(codec="prores", hwaccel="nvenc"), "videotoolbox"),
        ("mp4", VideoOptions(bitrate=10), "4M"),
        ("mp4", VideoOptions(pixel_format="gray"), "yuv420p"),
        ("m4v", VideoOptions(codec="ffv1"), "it holds h264, hevc"),
    ],
)
def test_impossible_choices_name_the_possible_ones(container: str, options: VideoOptions, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan(options, container)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("hwaccel", ["nvenc", "qsv", "videotoolbox"])
def test_hardware_is_used_or_refused_before_any_work(tmp_path: Path, untouched: Stylizer, hwaccel: str) -> None:
    source = write_clip(tmp_path / "in.mp4", [numbered(i, (256, 256)) for i in range(3)])
    refusal = ""
    try:
        paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(write=VideoOptions(hwaccel=hwaccel)))
    except UsageError as refused:
        refusal = str(refused)
    if refusal:
        assert "leave out --hwaccel" in refusal
        assert "\n" not in refusal
        assert [it.name for it in tmp_path.iterdir()] == ["in.mp4"]
    else:
        assert len(read_film(tmp_path / "out.mp4").times) == 3


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_goes_into_each_of_its_containers(tmp_path: Path, untouched: Stylizer, codec: str) -> None:
    source = write_clip(tmp_path / "in.mp4", 2, audio=["aac"])
    for container in CONTAINERS:
        write, output = VideoOptions(codec=codec), tmp_path / f"out.{container}"
        try:
            plan(write, container)
        except UsageError:
            assert container not in CODECS[codec].containers
        else:
            paint_film(str(source), output, untouched, FilmOptions(write=write))
            assert len(read_film(output).times) == 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_film_shorter_than_the_delay_of_x265_has_decoding_times(tmp_path: Path, untouched: Stylizer, count: int) -> None:
    source = write_clip(tmp_path / "in.mp4", count)
    for turn in range(8):  # what x265 leaves unset differs from one encoder to the next
        output = tmp_path / f"{turn}.mov"
        paint_film(str(source), output, untouched, FilmOptions(write=VideoOptions(codec="hevc")))
        with av.open(str(output)) as film:
            packets = [packet for packet in film.demux(video=0) if packet.size]
        ahead = {packet.pts - packet.dts for packet in packets if packet.pts is not None and packet.dts is not None}
        assert len(packets) == count
        assert ahead == ({0} if count < 3 else {2 * packets[0].duration})


def test_names_and_numbers() -> None:
    assert container_of(Path("a.MP4")) == "mp4"
    assert [parse_bitrate(text) for text in ("4M", "800k", "1.5m", "64000")] == [4_000_000, 800_000, 1_500_000, 64_000]
    for text in ("fast", "M", ""):
        with pytest.raises(UsageError):
            parse_bitrate(text)


def test_av1_takes_more_frames_a_second_than_its_encoder_admits(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", 6, rate=300, time_base=Fraction(1, 300))
    paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(write=VideoOptions(codec="av1")))
    assert read_film(tmp_path / "out.mp4").times == [Fraction(i, 300) for i in range(6)]
