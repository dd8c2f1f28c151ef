"""Makes ``clip.mp4`` and ``still.jpg`` beside this file: ``python demos/make_media.py``.

A slow pan and zoom over four photos in the public domain that scikit-image carries, a beach ball rolling
through the picture, and a synthesized soundtrack. The same versions of the packages give the same bytes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray
from PIL import Image
from skimage import data

WIDTH, HEIGHT, FPS = 640, 360, 24
SHOT_S, FADE_S = 2.0, 0.5
SAMPLE_RATE = 48_000
CHORDS_HZ = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (130.81, 196.0, 329.63), (196.0, 246.94, 293.66))

BALL_PANELS = np.array(
    [[0.95, 0.95, 0.9], [0.86, 0.16, 0.18], [0.95, 0.95, 0.9], [0.98, 0.75, 0.12], [0.95, 0.95, 0.9], [0.1, 0.4, 0.75]]
)

FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Shot:
    """A photo and the window the camera sees at its first and last frame: centre x, centre y, width, in source pixels."""

    photo: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]


SHOTS = (
    Shot("astronaut", (262.0, 205.0, 490.0), (246.0, 120.0, 350.0)),
    Shot("rocket", (290.0, 215.0, 420.0), (320.0, 225.0, 600.0)),
    Shot("chelsea", (262.0, 160.0, 350.0), (225.5, 134.0, 440.0)),
    Shot("coffee", (300.0, 175.0, 598.0), (316.0, 151.0, 490.0)),
)


def load(name: str) -> Image.Image:
    """The photo called ``name`` in ``skimage.data`` as RGB."""
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def view(photo: Image.Image, shot: Shot, progress: float) -> FloatImage:
    """What the camera sees at ``progress`` in [0, 1]: float ``(HEIGHT, WIDTH, 3)`` in [0, 1].

    The box is given in fractions of a pixel, and the zoom is geometric, so the motion is even and does not tremble.
    """
    x, y, _ = ((1 - progress) * a + progress * b for a, b in zip(shot.start, shot.end, strict=True))
    width = shot.start[2] ** (1 - progress) * shot.end[2] ** progress
    height = width * HEIGHT / WIDTH
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return np.asarray(photo.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box), np.float32) / 255


def ball_colour(u: FloatImage, v: FloatImage, turn: float) -> FloatImage:
    """Colours ``(..., 3)`` of a lit beach ball turned by ``turn`` radians; ``u``, ``v`` in radii, to the right and down."""
    w = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    # The pole of the ball leans towards the viewer: panels turn about it and stay visible as they roll.
    tilt_v, tilt_w = 0.8 * v + 0.6 * w, 0.8 * w - 0.6 * v
    panel = np.floor(((np.arctan2(tilt_v, u) - turn) / (np.pi / 3)) % 6).astype(int) % 6
    colour = np.where((tilt_w > 0.965)[..., None], BALL_PANELS[0], BALL_PANELS[panel])
    light = np.clip(-0.45 * u - 0.6 * v + 0.66 * w, 0, 1)[..., None]
    return colour * (0.35 + 0.65 * light) + 0.6 * light**30


def add_ball(image: FloatImage, time_s: float, duration_s: float) -> FloatImage:
    """Lays a turning beach ball and its soft shadow over ``image`` (values in [0, 1]); it bounces from left to right."""
    radius = 34.0
    cx = -radius + time_s / duration_s * (WIDTH + 2 * radius)
    ground = HEIGHT - 14 - radius
    height = 120 * abs(np.sin(np.pi * time_s / 1.4))
    cy = ground - height
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    spread = radius * (0.9 + height / 150)
    shadow = np.exp(-(((xs - cx - 6) / spread) ** 2 + ((ys - ground - radius) / (spread * 0.25)) ** 2))
    image = image * (1 - 0.55 * np.exp(-height / 150) * shadow)[..., None]

    top, left = max(0, int(cy - radius) - 1), max(0, int(cx - radius) - 1)
    area = np.s_[top : top + 2 * int(radius) + 4, left : left + 2 * int(radius) + 4]
    paint, cover = np.zeros_like(image[area]), np.zeros_like(image[area])
    # Sixteen samples a pixel keep the edges of the panels from crawling.
    for dy, dx in product((-0.375, -0.125, 0.125, 0.375), repeat=2):
        u, v = (xs[area] + dx - cx) / radius, (ys[area] + dy - cy) / radius
        inside = (u * u + v * v < 1)[..., None] / 16
        paint += inside * ball_colour(u, v, turn=cx / radius)
        cover += inside
    image[area] = image[area] * (1 - cover) + paint
    return image.astype(np.float32)


def frames() -> list[NDArray[np.uint8]]:
    """All frames of the clip, uint8 ``(HEIGHT, WIDTH, 3)``."""
    photos = [load(shot.photo) for shot in SHOTS]
    step = SHOT_S - FADE_S
    duration_s = step * len(SHOTS) + FADE_S
    pictures: list[NDArray[np.uint8]] = []
    for index in range(round(duration_s * FPS)):
        time_s = index / FPS
        picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        for number, (photo, shot) in enumerate(zip(photos, SHOTS, strict=True)):
            local = time_s - number * step
            if not 0 <= local < SHOT_S:
                continue
            fade = 1.0 if number == 0 else min(1.0, local / FADE_S)
            fade = fade * fade * (3 - 2 * fade)
            picture = picture * (1 - fade) + view(photo, shot, local / SHOT_S) * fade
        picture = add_ball(picture, time_s, duration_s)
        pictures.append(np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8))
    return pictures


def soundtrack(duration_s: float) -> NDArray[np.float32]:
    """Four soft chords with plucked notes: float32 ``(2, samples)`` in (-1, 1)."""
    total = round(duration_s * SAMPLE_RATE)
    sound = np.zeros((2, total))
    chord_s = duration_s / len(CHORDS_HZ)
    for number, chord in enumerate(CHORDS_HZ):
        notes = [(hz, 0.0, 1.1, 0.30) for hz in (*chord, chord[0] / 2)]
        notes += [(2 * chord[k % 3], k * chord_s / 6, 0.35, 0.35) for k in range(6)]
        for k, (hz, delay, decay_s, level) in enumerate(notes):
            start = round((number * chord_s + delay) * SAMPLE_RATE)
            t = np.arange(min(total - start, round(4 * decay_s * SAMPLE_RATE))) / SAMPLE_RATE
            tone = np.sin(2 * np.pi * hz * t) + 0.3 * np.sin(4 * np.pi * hz * t) + 0.1 * np.sin(6 * np.pi * hz * t)
            tone *= level * np.exp(-t / decay_s) * np.minimum(1, t / 0.012)
            pan = 0.5 + 0.3 * (-1) ** k
            sound[:, start : start + len(t)] += np.stack([tone * np.sqrt(1 - pan), tone * np.sqrt(pan)])
    edge = np.minimum(1, np.minimum(np.arange(total), np.arange(total)[::-1]) / (0.25 * SAMPLE_RATE))
    sound *= edge / np.abs(sound).max() * 0.6
    return sound.astype(np.float32)


def write_clip(path: Path) -> None:
    """Encodes the clip: H.264, yuv420p, BT.709, with a stereo AAC track."""
    pictures = frames()
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        video = out.add_stream("libx264", rate=FPS, options={"crf": "22", "preset": "slow"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.thread_count = 1
        video.codec_context.color_primaries = video.codec_context.color_trc = 1
        video.codec_context.colorspace, video.codec_context.color_range = 1, 1
        audio = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        audio.codec_context.bit_rate = 96_000
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(soundtrack(len(pictures) / FPS), "fltp", "stereo")
        sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE, frame_size=1024)
        for chunk in [*resampler.resample(sound), *resampler.resample(None)]:
            out.mux(audio.encode(chunk))
        out.mux(audio.encode(None))


def write_still(path: Path) -> None:
    """Saves the 960x640 still."""
    photo = load("astronaut")
    still = photo.resize((960, 640), Image.Resampling.LANCZOS, (0.0, 5.0, 512.0, 5.0 + 512.0 * 2 / 3))
    still.save(path, quality=90, optimize=True)


def main() -> None:
    """Writes both files into ``--out``, by default beside this script."""
    parser = argparse.ArgumentParser(description="Make the sample clip and still.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    write_clip(folder / "clip.mp4")
    write_still(folder / "still.jpg")


if __name__ == "__main__":
    main()
