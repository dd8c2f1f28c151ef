"""Tracks: what is not picture is copied, packet for packet."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from clips import Film, clip_with_sound, read_film, small_stylizer, write_clip
from PIL import Image

from rtstyle.sources.reading import ReadOptions
from rtstyle.stylizer import Stylizer
from rtstyle.video.film import FilmOptions, paint_film


@pytest.fixture(scope="module")
def untouched() -> Stylizer:
    return small_stylizer()


def sounds(film: Film, codec: str, number: int = 0) -> list[bytes]:
    return [data for _, data in film.track(codec, number)]


@pytest.mark.parametrize(
    ("extension", "codecs"),
    [
        ("mp4", ["aac", "aac"]),
        ("mkv", ["aac", "libopus", "flac"]),
        ("mov", ["aac", "pcm_s16le"]),
        ("webm", ["libopus", "libopus"]),
    ],
)
def test_all_sound_is_byte_identical(tmp_path: Path, untouched: Stylizer, extension: str, codecs: list[str]) -> None:
    video = "libvpx-vp9" if extension == "webm" else "libx264"
    source = write_clip(tmp_path / f"in.{extension}", codec=video, audio=codecs)
    report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
    before, after = read_film(source), read_film(tmp_path / f"out.{extension}")
    kinds = [name for name in before.kinds.values() if name not in ("h264", "vp9")]
    assert kinds == [name for name in after.kinds.values() if name not in ("h264", "vp9")]
    for index in range(1, 1 + len(codecs)):
        assert before.packets[index]
        assert after.packets[index] == before.packets[index]
    assert report.notices == []


def test_sound_that_does_not_fit_is_encoded_and_said_so(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", audio=["aac"])
    report = paint_film(str(source), tmp_path / "out.webm", untouched)
    after = read_film(tmp_path / "out.webm")
    assert "opus" in after.kinds.values()
    assert any("encoded as opus" in notice for notice in report.notices)
    before = read_film(source)
    length = [track[-1][0] - track[0][0] for track in (before.track("aac"), after.track("opus"))]
    assert float(length[1]) == pytest.approx(float(length[0]), abs=0.05)


def test_no_audio(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4", audio=["aac"])
    paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(audio=False))
    assert list(read_film(tmp_path / "out.mp4").kinds.values()) == ["h264"]


def test_chapters_and_tags_are_kept(tmp_path: Path, untouched: Stylizer) -> None:
    chapters = [(0.0, 0.2, "one"), (0.2, 0.48, "two")]
    source = write_clip(tmp_path / "in.mkv", audio=["aac"], metadata={"title": "Die Möwe", "comment": "first"}, chapters=chapters)
    for extension in ("mkv", "mp4"):
        paint_film(str(source), tmp_path / f"out.{extension}", untouched)
        film = read_film(tmp_path / f"out.{extension}")
        tags = {key.lower(): value for key, value in film.tags.items()}
        assert tags["title"] == "Die Möwe"
        assert tags["comment"] == "first"
        assert [(round(a, 2), round(b, 2), title) for a, b, title in film.chapters] == chapters


def test_chapters_of_an_mp4_are_kept_and_named_where_they_cannot_be(tmp_path: Path, untouched: Stylizer) -> None:
    """In mp4 and mov the names of chapters are a track of their own, of no codec."""
    chapters = [(0.0, 0.2, "one"), (0.2, 0.48, "two")]
    source = write_clip(tmp_path / "in.mp4", chapters=chapters)
    for extension in ("mp4", "mov", "mkv"):
        report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
        film = read_film(tmp_path / f"out.{extension}")
        assert [(round(a, 2), round(b, 2), title) for a, b, title in film.chapters] == chapters
        assert not report.notices
    report = paint_film(str(source), tmp_path / "out.ts", untouched)
    assert any("cannot hold chapters" in notice for notice in report.notices)


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_plain_sound_whose_speakers_have_no_names_goes_into_mp4(tmp_path: Path, untouched: Stylizer, layout: str) -> None:
    source = clip_with_sound(tmp_path / "in.mkv", "pcm_s16le", layout)
    with av.open(str(source)) as film:
        assert film.streams.audio[0].layout.name.endswith("channels")
    paint_film(str(source), tmp_path / "out.mp4", untouched)
    assert read_film(tmp_path / "out.mp4").track("pcm_s16le")
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.streams.audio[0].layout.name == layout


def test_a_title_in_latin_1_is_no_obstacle(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.avi", codec="mpeg4", metadata={"title": "Caf_ no_"})
    source.write_bytes(source.read_bytes().replace(b"Caf_ no_", b"Caf\xe9 no\xeb"))
    paint_film(str(source), tmp_path / "out.mkv", untouched)
    assert read_film(tmp_path / "out.mkv").tags["title"] == "Café noë"


@pytest.mark.parametrize(("layout", "rate"), [("mono", 48000), ("stereo", 44100)])
def test_sound_that_changes_in_the_middle_is_encoded_to_its_end(
    tmp_path: Path, untouched: Stylizer, layout: str, rate: int
) -> None:
    parts = [
        clip_with_sound(tmp_path / "1.ts", "mp2", "stereo"),
        clip_with_sound(tmp_path / "2.ts", "mp2", layout, rate),
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    paint_film(str(joined), tmp_path / "out.webm", untouched)
    film = read_film(tmp_path / "out.webm")
    assert len(film.times) == 24
    assert film.track("opus")[-1][0] > 0.8


def test_chapters_end_with_the_cut(tmp_path: Path, untouched: Stylizer) -> None:
    chapters = [(0.0, 0.2, "one"), (0.2, 3600.0, "two"), (3600.0, 7200.0, "three")]
    source = write_clip(tmp_path / "in.mkv", 25, audio=["aac"], chapters=chapters)
    cut = FilmOptions(read=ReadOptions(start=Fraction(1, 10), end=Fraction(1, 2)))
    for extension in ("mkv", "mp4"):
        paint_film(str(source), tmp_path / f"out.{extension}", untouched, cut)
        film = read_film(tmp_path / f"out.{extension}")
        assert [(round(a, 2), round(b, 2), title) for a, b, title in film.chapters] == [(0.0, 0.1, "one"), (0.1, 0.4, "two")]
        assert film.seconds < 1


@pytest.mark.parametrize(
    ("layout", "heard", "words"),
    [
        ("5.1(side)", "5.1", "encoded as opus"),
        ("4.0", "stereo", "mixed down to stereo"),
        ("2.1", "stereo", "mixed down to stereo"),
    ],
)
def test_speakers_that_opus_does_not_know(tmp_path: Path, untouched: Stylizer, layout: str, heard: str, words: str) -> None:
    source = clip_with_sound(tmp_path / "in.mkv", "ac3", layout)
    report = paint_film(str(source), tmp_path / "out.webm", untouched)
    assert [words in notice for notice in report.notices] == [True]
    with av.open(str(tmp_path / "out.webm")) as film:
        assert film.streams.audio[0].codec_context.layout.name == heard
        samples = np.concatenate([frame.to_ndarray() for frame in film.decode(film.streams.audio[0])], axis=1)
    assert samples.shape[1] == pytest.approx(24000, abs=2500)
    assert np.abs(samples).max() > 0.1


@pytest.mark.parametrize(
    ("codec", "rate", "there"),
    [("flac", 48000, "aac"), ("flac", 192000, "aac"), ("pcm_s16le", 48000, "aac"), ("ac3", 48000, "ac3"), ("mp2", 48000, "mp2")],
)
def test_a_transport_stream_gets_sound_that_plays(tmp_path: Path, untouched: Stylizer, codec: str, rate: int, there: str) -> None:
    source = clip_with_sound(tmp_path / "in.mkv", codec, "stereo", rate)
    for name in ("out.ts", "out.m3u8"):
        report = paint_film(str(source), tmp_path / name, untouched)
        assert any("was encoded as aac" in notice for notice in report.notices) == (there != codec)
        with av.open(str(tmp_path / name)) as film:
            assert [it.codec_context.codec.canonical_name for it in film.streams.audio] == [there]
            samples = sum(frame.samples for frame in film.decode(film.streams.audio[0]))
        assert samples == pytest.approx(24000, abs=2500)


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), 200, np.uint8)).save(file, "JPEG")
    return file.getvalue()


def test_cover_and_attachments_are_kept_where_they_fit(tmp_path: Path, untouched: Stylizer) -> None:
    plain = write_clip(tmp_path / "plain.mp4", audio=["aac"])
    with av.open(str(tmp_path / "in.mkv"), "w") as output, av.open(str(plain)) as film:
        copies = [output.add_stream_from_template(stream) for stream in film.streams]
        output.add_attachment("cover.jpg", "image/jpeg", _jpeg())
        output.add_attachment("font.ttf", "application/x-truetype-font", b"letters")
        for packet in film.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
    for extension, lost in (("mp4", ["font.ttf"]), ("mkv", []), ("ts", ["font.ttf", "cover"])):
        source = tmp_path / ("out.mp4" if extension == "mkv" else "in.mkv")  # and the cover of an mp4 goes into an mkv
        report = paint_film(str(source), tmp_path / f"out.{extension}", untouched)
        assert len(report.notices) == len(lost)
        assert all(any(word in notice for notice in report.notices) for word in lost)
        with av.open(str(tmp_path / f"out.{extension}")) as film:
            assert sum(1 for _ in film.decode(film.streams.video[0])) == 12
            covers = [stream.index for stream in film.streams.video if stream.disposition & Disposition.attached_pic]
        assert len(covers) == (extension != "ts")
        if covers:
            assert [data for _, data in _read_all(tmp_path / f"out.{extension}", covers[0])] == [_jpeg()]


def _read_all(path: Path, index: int) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as film:
        return [(packet.pts, bytes(packet)) for packet in film.demux(film.streams[index]) if packet.size]


def test_cover_art_is_not_the_film(tmp_path: Path, untouched: Stylizer) -> None:
    plain = write_clip(tmp_path / "plain.mp4", audio=["aac"])
    with av.open(str(tmp_path / "in.mp4"), "w") as output, av.open(str(plain)) as film:
        cover = output.add_stream("png", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "rgb24"
        cover.disposition = 0x400
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in film.streams}
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
        picture.pts = 0
        output.mux(cover.encode(picture))
        for packet in film.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    with av.open(str(tmp_path / "in.mp4")) as film:
        assert len(film.streams.video) == 2
    paint_film(str(tmp_path / "in.mp4"), tmp_path / "out.mp4", untouched)
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "h264"
        assert sum(1 for _ in film.decode(film.streams.video[0])) == 12


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_a_cut_is_exact_and_takes_its_sound_along(tmp_path: Path, untouched: Stylizer, extension: str) -> None:
    source = write_clip(tmp_path / f"in.{extension}", 25, audio=["flac"], options={"bf": "2", "g": "8"})
    cut = ReadOptions(start=Fraction(1, 5), end=Fraction(2, 5))
    paint_film(str(source), tmp_path / f"out.{extension}", untouched, FilmOptions(read=cut))
    film = read_film(tmp_path / f"out.{extension}")
    assert film.times == [Fraction(i, 25) for i in range(5)]
    expected = [40 + 8 * i for i in range(5, 10)]
    assert [int(picture[40, 40, 0]) for picture in film.pictures] == pytest.approx(expected, abs=2)
    begin = film.track("flac")[0][0]
    assert -0.1 <= begin <= 0.1
    # The same samples at the same distance from the picture.
    before = {data: time for time, data in read_film(source).track("flac")}
    for time, data in film.track("flac"):
        assert float(before[data] - time) == pytest.approx(0.2, abs=0.001)


def test_cutting_beyond_the_end_is_one_clear_line(tmp_path: Path, untouched: Stylizer) -> None:
    source = write_clip(tmp_path / "in.mp4")
    with pytest.raises(Exception, match="no video frame from 9 s on"):
        paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(read=ReadOptions(start=Fraction(9))))


def test_the_talking_head_keeps_everything(tmp_path: Path, untouched: Stylizer, shared_data: Path) -> None:
    source = shared_data / "video" / "talking_head.mp4"
    paint_film(str(source), tmp_path / "out.mp4", untouched, FilmOptions(read=ReadOptions(end=Fraction(1)), scale=0.25))
    after = read_film(tmp_path / "out.mp4")
    assert after.stream["size"] == (128, 128)
    with av.open(str(source)) as film:
        packets = [it for it in film.demux() if it.size and it.pts * it.time_base < 1]
        pictures = sorted(it.pts * it.time_base for it in packets if it.stream.type == "video")
        sound = [(it.pts * it.time_base, bytes(it)) for it in packets if it.stream.type == "audio"]
    assert after.times == pictures
    assert after.track("aac") == sound
