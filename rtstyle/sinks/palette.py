"""256 colours for each picture of a GIF, chosen and dithered by libav."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.filter import Graph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class Palette:
    """Turns RGB frames into ``pal8`` ones, each with a palette of its own: painted frames share few colours."""

    def apply(self, rgb: VideoFrame) -> VideoFrame:
        """The frame in the 256 colours that suit it; its time is not carried over."""
        graph = Graph()
        source = graph.add_buffer(width=rgb.width, height=rgb.height, format=rgb.format, time_base=Fraction(1, 1000))
        split, choose = graph.add("split"), graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        use, sink = graph.add("paletteuse", "new=1:dither=sierra2_4a"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(choose, 0)
        split.link_to(use, 1, 0)
        choose.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        rgb.pts = 0
        graph.vpush(rgb)
        graph.vpush(None)
        return graph.vpull()
