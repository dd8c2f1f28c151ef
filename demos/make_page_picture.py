"""Photographs the page for the README: ``python demos/make_page_picture.py`` writes ``demos/page.jpg``.

Needs Chromium, the package playwright and, for the picture as it is, the font Inter.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from rtstyle.webui.server import PageServer
from rtstyle.webui.settings import PageConfig

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from chromium import bounded_chromium  # noqa: E402

SIZE = {"width": 1360, "height": 820}
STYLE = "wave"


def main() -> None:
    """Open the stills tab, choose a style, write the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PageServer(PageConfig(port=0)) as server,
        bounded_chromium(Path(folder)) as browser,
    ):
        page = browser.new_page(viewport=SIZE, color_scheme="dark", device_scale_factor=1)
        page.goto(server.url)
        page.wait_for_selector(f".rt-style[data-name={STYLE}] img")
        page.click(f".rt-style[data-name={STYLE}]")
        page.wait_for_timeout(3000)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = HERE / "page.jpg"
    picture.save(target, quality=86, optimize=True)
    print(target.name, target.stat().st_size)


if __name__ == "__main__":
    main()
