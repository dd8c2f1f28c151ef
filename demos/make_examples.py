"""Makes the page's example photos: ``python demos/make_examples.py``.

Crops of four photos in the public domain that scikit-image carries: ``astronaut`` and ``rocket`` by NASA, ``chelsea``
by Stefan van der Walt (CC0) and ``coffee`` by Rachel Michetti (CC0).
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from skimage import data

FOLDER = Path(__file__).resolve().parent.parent / "rtstyle" / "webui" / "examples"
BOXES = {
    "astronaut": (0, 0, 512, 384),
    "chelsea": (25, 0, 425, 300),
    "coffee": (33, 0, 566, 400),
    "rocket": (40, 0, 609, 427),
}
"""Per photo the part that is taken: left, top, right, bottom, all of the shape 4:3."""
SIZE = (640, 480)


def main() -> None:
    """Write every example anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, box in BOXES.items():
        photo = Image.fromarray(getattr(data, name)()).convert("RGB")
        target = FOLDER / f"{name}.jpg"
        photo.resize(SIZE, Image.Resampling.LANCZOS, box=box).save(target, quality=88, optimize=True)
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main()
