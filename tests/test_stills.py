"""``rtstyle image``: upright, with its opacity, into the right file, and nothing lost when something is wrong."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from rtstyle.errors import SourceError, UsageError
from rtstyle.sinks.images import write_still
from rtstyle.sources.images import read_still
from rtstyle.stills import paint_stills, plan_stills
from rtstyle.styles import StyleBank, StyleMix
from rtstyle.stylizer import Stylizer


def rtstyle(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    program = "import sys; from rtstyle.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False
    )


def smooth_picture() -> Image.Image:
    coarse = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((40, 32), Image.Resampling.BICUBIC)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_formats_are_written_and_read_back(tmp_path: Path, suffix: str) -> None:
    pixels = np.full((32, 48, 3), (200, 100, 50), dtype=np.uint8)
    path = tmp_path / f"x{suffix}"
    write_still(pixels, path)
    back, alpha = read_still(path)
    assert alpha is None
    assert np.abs(back.astype(int) - pixels).max() <= 4
    assert list(tmp_path.iterdir()) == [path]


def test_turned_photo_comes_upright(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: show it rotated by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright, _ = read_still(tmp_path / "turned.jpg")
    assert upright.shape == (40, 20, 3)
    assert upright[:15].mean() > 240
    assert upright[25:].mean() < 15


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_opacity_is_kept(tmp_path: Path, mode: str) -> None:
    rgba = np.zeros((32, 32, 4), dtype=np.uint8)
    rgba[..., :3] = 120
    rgba[:16, :, 3] = 255
    picture = Image.fromarray(rgba)
    path = tmp_path / "in.png"
    (picture.quantize(16) if mode == "P" else picture.convert(mode)).save(path)
    (job,) = plan_stills([path], tmp_path / "out.png", [StyleMix.parse("wave")], overwrite=False)
    for _, error in paint_stills([job], Stylizer(StyleBank.load(), "wave")):
        assert error is None
    out = np.asarray(Image.open(tmp_path / "out.png"))
    assert out.shape == (32, 32, 4)
    assert np.array_equal(out[..., 3], rgba[..., 3])


@pytest.mark.parametrize("name", ["out.jpg", "out.bmp"])
def test_what_is_clear_is_white_where_a_format_has_no_opacity(tmp_path: Path, name: str) -> None:
    alpha = np.zeros((32, 32), dtype=np.uint8)
    alpha[:16] = 255
    write_still(np.full((32, 32, 3), 60, dtype=np.uint8), tmp_path / name, alpha=alpha)
    out, kept = read_still(tmp_path / name)
    assert kept is None
    assert abs(int(out[4, 4, 0]) - 60) < 4
    assert out[24:].min() > 250


def test_wide_greys_are_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "grey16.png")
    pixels, _ = read_still(tmp_path / "grey16.png")
    assert 127 <= pixels[16, 32, 0] <= 133  # a plain conversion clips it to 255
    assert pixels.max() == 255
    Image.fromarray(ramp).save(tmp_path / "keyed.png", transparency=1)  # one grey is said to be transparent
    keyed, alpha = read_still(tmp_path / "keyed.png")
    assert np.array_equal(keyed, pixels)
    assert alpha is None


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_floating_point_pictures_keep_their_light(tmp_path: Path, scale: float) -> None:
    light = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    Image.fromarray(scale * light).save(tmp_path / "float.tif")
    pixels, _ = read_still(tmp_path / "float.tif")
    assert np.abs(pixels[..., 0] - 255 * light).max() <= 0.5


def test_of_several_pictures_in_a_file_the_first_is_taken_and_it_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (Image.new("RGB", (32, 16), (level, 0, 0)) for level in (200, 10))
    first.save(tmp_path / "two.png", save_all=True, append_images=[second])
    pixels, _ = read_still(tmp_path / "two.png")
    assert pixels[0, 0, 0] == 200
    assert "holds 2 pictures" in caplog.text
    caplog.clear()
    first.save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=[second])
    read_still(tmp_path / "phone.jpg")
    assert not caplog.text


@pytest.mark.parametrize("mode", ["P", "PA", "RGBA"])
def test_the_profile_counts_in_every_mode(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = smooth_picture().convert(mode)
    picture.save(tmp_path / "in.tif", icc_profile=profile)
    plain, alpha = read_still(tmp_path / "in.tif")
    assert (alpha is not None) == (mode != "P")
    # Any other profile would do; a converter that turns colours round shows that it is asked.
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda picture, *_, **__: ImageOps.invert(picture))
    turned, _ = read_still(tmp_path / "in.tif")
    assert np.array_equal(turned, 255 - plain)


def test_no_warning_and_no_opacity_of_its_own(tmp_path: Path) -> None:
    keyed = smooth_picture().quantize(16)
    keyed.save(tmp_path / "keyed.png", transparency=bytes(range(0, 160, 10)))
    Image.new("LAB", (40, 32), (128, 128, 128)).save(tmp_path / "lab.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, alpha = read_still(tmp_path / "keyed.png")
        pixels, none = read_still(tmp_path / "lab.tif")
    assert alpha is not None
    assert set(np.unique(alpha)) <= set(range(0, 160, 10))
    assert none is None
    assert pixels.std() == 0


def test_many_pictures_and_styles_go_to_a_folder(tmp_path: Path, picture: Path) -> None:
    second = tmp_path / "second.jpg"
    Image.new("RGB", (50, 30), (90, 140, 60)).save(second)
    done = rtstyle("image", picture, second, tmp_path / "out", "--style", "wave,scream")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "in_wave.png",
        "in_scream.png",
        "second_wave.jpg",
        "second_scream.jpg",
    }
    blended = rtstyle("image", picture, tmp_path / "out", "--style", "wave:0.7,scream:0.3")
    assert blended.returncode == 0, blended.stderr
    assert (tmp_path / "out" / "in_wave70-scream30.png").exists()


def test_a_bad_picture_does_not_stop_the_others(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(picture.read_bytes()[:60])
    done = rtstyle("image", tmp_path / "bad.jpg", picture, tmp_path / "out")
    assert done.returncode == 1
    assert "bad.jpg" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["in_wave.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{in}"], "then the file or folder"),
        (["{dir}/nowhere.png", "{dir}/out.png"], "no picture at"),
        (["{in}", "{dir}/no/out.png"], "does not exist"),
        (["{in}", "{in}", "--overwrite"], "nothing is painted over its original"),
        (["{in}", "{dir}/exists.png"], "--overwrite"),
        (["{in}", "{dir}/exists.png", "{dir}/notes"], "and {dir}/notes is a file"),
        (["{in}", "{dir}/out.gif"], "legal: .jpg"),
        (["{in}", "{dir}/" + 249 * "x" + ".png"], "choose a shorter name"),
        (["{in}", "{dir}/out.png", "--style", "skream"], "did you mean scream"),
        (["{in}", "{dir}/out", "--style", "wave,skream"], "did you mean scream"),
        (["{in}", "{dir}/out.png", "--device", "cuda:7"], "use --device cpu or auto"),
        (["{in}", "{dir}/out.png", "--device", "tpu"], "device"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(tmp_path: Path, picture: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "exists.png").write_bytes(b"mine")
    (tmp_path / "notes").write_bytes(b"mine")
    before = sorted(p.name for p in tmp_path.iterdir())
    done = rtstyle("image", *(a.replace("{in}", str(picture)).replace("{dir}", str(tmp_path)) for a in arguments))
    assert done.returncode == 2
    assert said.replace("{dir}", str(tmp_path)) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "exists.png").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere" / "out")
    jobs = plan_stills([picture], tmp_path / "out", [StyleMix.parse("wave"), StyleMix.parse("scream")], overwrite=False)
    with pytest.raises(UsageError, match=r"the folder .*out cannot be made"):
        next(paint_stills(jobs, Stylizer(StyleBank.load(), "wave")))


def test_a_large_picture_is_read_without_a_warning(tmp_path: Path) -> None:
    Image.new("1", (12_000, 8000)).save(tmp_path / "large.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, _ = read_still(tmp_path / "large.png")
    assert pixels.shape == (8000, 12_000, 3)


def test_other_files_and_bombs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(SourceError, match="not a readable picture"):
        read_still(tmp_path / "text.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "texture.dds")
    texture = bytearray((tmp_path / "texture.dds").read_bytes())
    texture[80:84] = bytes(4)  # no kind of pixels at all
    (tmp_path / "texture.dds").write_bytes(texture)
    with pytest.raises(SourceError, match="not a readable picture: Unknown pixel format"):
        read_still(tmp_path / "texture.dds")
    Image.new("1", (30_000, 12_000)).save(tmp_path / "bomb.png")
    with pytest.raises(SourceError, match=r"megapixels|not a readable"):
        read_still(tmp_path / "bomb.png")
    with pytest.raises(UsageError):
        read_still(tmp_path / "nowhere.png")
