"""Finding cameras on three systems."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from rtstyle.errors import UsageError
from rtstyle.sources.cameras import CameraEntry, find_camera, list_cameras, parse_avfoundation, parse_dshow, read_v4l2
from rtstyle.sources.device import screen

CAMERAS = [CameraEntry(0, "Integrated Camera"), CameraEntry(2, "USB Camera"), CameraEntry(4, "USB Camera Pro")]


def test_linux_leaves_metadata_nodes_out(tmp_path: Path) -> None:
    for node, index, name in (("video2", "0", "USB Camera"), ("video0", "0", "Integrated"), ("video1", "1", "Integrated")):
        folder = tmp_path / node
        folder.mkdir()
        (folder / "index").write_text(index + "\n")
        (folder / "name").write_text(name + "\n")
    assert read_v4l2(tmp_path) == [CameraEntry(0, "Integrated"), CameraEntry(2, "USB Camera")]
    assert read_v4l2(tmp_path / "absent") == []


def test_macos_leaves_screens_and_microphones_out() -> None:
    log = (
        "AVFoundation video devices:\n[0] FaceTime HD Camera\n[1] Capture screen 0\n"
        "AVFoundation audio devices:\n[0] MacBook Microphone\n"
    )
    assert parse_avfoundation(log) == [CameraEntry(0, "FaceTime HD Camera")]


def test_windows_in_its_old_and_its_new_form() -> None:
    new = '"Integrated Camera" (video)\n  Alternative name "@device_pnp_x"\n"Microphone" (audio)\n"OBS Virtual Camera" (video)\n'
    old = 'DirectShow video devices\n "Integrated Camera"\n "@device_pnp_x"\nDirectShow audio devices\n "Microphone"\n'
    assert parse_dshow(new) == [CameraEntry(0, "Integrated Camera"), CameraEntry(1, "OBS Virtual Camera")]
    assert parse_dshow(old) == [CameraEntry(0, "Integrated Camera")]
    other = '"Grabber" (audio, video)\n"OBS Virtual Camera" (none)\n"Line In" (audio)\n"USB Camera" (video)\n'
    assert [(it.index, it.name) for it in parse_dshow(other)] == [(0, "Grabber"), (1, "OBS Virtual Camera"), (2, "USB Camera")]


def test_a_listing_that_comes_in_pieces_is_read_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libav's dshow logs: a name, its kind and the end of its line by themselves."""

    class Capture:
        def __enter__(self) -> list[tuple[int, str, str]]:
            return [(32, "dshow", piece) for piece in ('"Integrated Camera"', " (video", ")", "\n", "  Alternative name\n")]

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr("av.logging.Capture", Capture)
    assert list_cameras("win32") == [CameraEntry(0, "Integrated Camera")]


def test_a_camera_is_found_by_index_part_of_a_name_or_whole_name() -> None:
    assert find_camera("2", CAMERAS).name == "USB Camera"
    assert find_camera("7", CAMERAS).index == 7
    assert find_camera("integrated", CAMERAS).index == 0
    assert find_camera("usb camera", CAMERAS).index == 2
    with pytest.raises(UsageError, match=r"several cameras.*4 'USB Camera Pro'"):
        find_camera("usb", CAMERAS)
    with pytest.raises(UsageError, match="Integrated Camera"):
        find_camera("logitech", CAMERAS)


def test_the_screen_on_every_system() -> None:
    assert screen(platform="win32").format == "gdigrab"
    assert screen(platform="darwin").format == "avfoundation"
    linux = screen(size=(360, 640), rate=Fraction(25), display=":3", platform="linux")
    assert (linux.format, linux.address) == ("x11grab", ":3")
    assert linux.options == {"framerate": "25", "video_size": "640x360"}
    with pytest.raises(UsageError, match="DISPLAY"):
        screen(display="", platform="linux")
