"""The one model that all visitors share, the styles it has, and how widget values become a Look."""

from __future__ import annotations

import base64
import io
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from rtstyle.devices import resolve_device, resolve_tier
from rtstyle.engines import Engine, Work, batch_for, open_engine
from rtstyle.pixels import Pixels, resize, scaled_size
from rtstyle.sinks.images import write_still
from rtstyle.sources.images import read_still
from rtstyle.styles import StyleBank, StyleFile, StyleMix
from rtstyle.stylizer import SMALLEST_SIDE, STRONGEST, Look, Stylizer
from rtstyle.webui.folder import RunFolder
from rtstyle.webui.jobs import Jobs
from rtstyle.webui.messages import VisitorError
from rtstyle.webui.settings import PageConfig

EXAMPLES = Path(__file__).resolve().parent / "examples"
SAMPLE = EXAMPLES / "astronaut.jpg"
PREVIEW_PAINTED = 240
"""Short side at which previews are painted; they are shown smaller, so that the strokes read as strokes."""
PREVIEW_SHOWN = 132
LARGEST_PAINT = 4320


@dataclass(frozen=True, kw_only=True)
class StyleCard:
    """What the picker shows of a style."""

    name: str
    title: str
    subtitle: str
    preview: str
    """The sample still in this style, as a data URI."""


class TakingTurns:
    """An engine that waits for ``turn`` at every call: one forward pass at a time, so that memory has a bound."""

    def __init__(self, engine: Engine, turn: threading.Lock) -> None:
        self.engine = engine
        self._turn = turn

    @property
    def name(self) -> str:
        """The engine's own."""
        return self.engine.name

    @property
    def preferred_batch(self) -> int:
        """The engine's own."""
        return self.engine.preferred_batch

    @property
    def at_work(self) -> Engine:
        """The engine that paints."""
        return self.engine

    def measure_batch(self, height: int, width: int) -> int:
        """The engine's own; measuring takes a turn, too."""
        with self._turn:
            return batch_for(self.engine, height, width)

    def __call__(self, frames: Tensor, style: Tensor) -> Tensor:
        with self._turn:
            return self.engine(frames, style)


class Studio:
    """Bank, engine, previews and the run's folder. Thread-safe; opened once a server."""

    def __init__(self, config: PageConfig) -> None:
        self.config = config
        self.limits = config.limits
        self.device = resolve_device(config.device)
        first = StyleMix.parse("none")
        self.tier = resolve_tier(config.tier, first, self.device, config.weights)
        self.bank = StyleBank.load(tier=self.tier, folder=config.weights)
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._engines: dict[Work, TakingTurns] = {}
        self.engine = self._engine("still")
        self.stylizer = Stylizer(self.bank, Look(mix=first), engine=self.engine, device=self.device)
        self.sample, _ = read_still(SAMPLE)
        self.cards = {name: self._card(name) for name in self.bank.names}
        self._own: OrderedDict[str, StyleCard] = OrderedDict()
        self.folder = RunFolder(self.limits)
        self.jobs: list[Jobs] = []

    @property
    def film_engine(self) -> TakingTurns:
        """What clips are painted with; opened with the first of them, which may take a measurement."""
        return self._engine("film")

    @property
    def live_engine(self) -> TakingTurns:
        """What cameras are painted with."""
        return self._engine("live")

    def _engine(self, work: Work) -> TakingTurns:
        with self._lock:
            if work not in self._engines:
                engine = open_engine(self.config.engine, self.bank.network, self.device, work=work)
                self._engines[work] = TakingTurns(engine, self._turn)
            return self._engines[work]

    @property
    def first(self) -> str:
        """The style a visitor starts with."""
        return next(iter(self.cards))

    def look(
        self,
        style: object,
        second: object = None,
        share: object = 0.0,
        strength: object = 1.0,
        keep_colors: object = False,
        paint_height: object = 0,
    ) -> Look:
        """The Look that a visitor's widgets ask for; anything that is not legal raises :class:`VisitorError`.

        ``share`` in [0, 1] belongs to ``second``; ``paint_height`` 0 paints at full size.
        """
        names = [self._known(style)]
        shares = [1.0]
        if second not in (None, "", names[0]):
            part = _number(share, "the blend", 0.0, 1.0)
            names.append(self._known(second))
            shares = [1.0 - part, part]
        mix = StyleMix(tuple((name, part) for name, part in zip(names, shares, strict=True) if part > 0))
        height = round(_number(paint_height, "the paint size", 0, LARGEST_PAINT))
        return Look(
            mix=mix,
            strength=_number(strength, "the strength", 0.0, STRONGEST),
            keep_colors=bool(keep_colors),
            paint_height=max(height, SMALLEST_SIDE) if height else None,
        )

    def look_from(self, table: Mapping[str, Any]) -> Look:
        """As :meth:`look`, from the JSON object that the live view sends."""
        known = ("style", "second", "share", "strength", "keep_colors", "paint_height")
        return self.look(**{"style": self.first, **{key: table[key] for key in known if key in table}})

    def new_jobs(self) -> Jobs:
        """A place for one kind of long work; all of a visitor's end when they leave."""
        self.jobs.append(Jobs())
        return self.jobs[-1]

    def left(self, session: str | None) -> None:
        """A visitor has closed the page."""
        for jobs in self.jobs:
            jobs.left(session)

    def close(self) -> None:
        """End all work, then remove the run's folder."""
        for jobs in self.jobs:
            jobs.close()
        self.folder.close()

    def write(self, picture: Pixels, name: str = "picture.jpg", alpha: Pixels | None = None) -> str:
        """Write a picture that a visitor will be shown as ``name``; the path of the file."""
        path = self.folder.new_path(name)
        write_still(picture, path, alpha=alpha)
        return str(path)

    def painter(self, look: Look) -> Stylizer:
        """A Stylizer for one visitor's clip, on the shared engine."""
        return Stylizer(self.bank, look, engine=self.film_engine, device=self.device)

    def paint_live(self, picture: Pixels, look: Look) -> Pixels:
        """Paint one uint8 (H, W, 3) picture of a camera."""
        return Stylizer(self.bank, look, engine=self.live_engine, device=self.device).paint_one(picture)

    def paint(self, picture: Pixels, look: Look) -> Pixels:
        """Paint one uint8 (H, W, 3) picture."""
        return self.stylizer.paint_one(picture, look)

    def title(self, name: str) -> str:
        """A style's title; the name itself for one that is gone."""
        card = self.cards.get(name) or self._own.get(name)
        return card.title if card else name

    def add_own(self, style: StyleFile, title: str) -> StyleCard:
        """Take in a fitted style under a name that only its visitor knows; the oldest of too many is dropped."""
        name = f"own-{secrets.token_hex(8)}"
        self.bank.add(style, name)
        card = replace(self._card(name), title=title, subtitle="your style")
        with self._lock:
            self._own[name] = card
            while len(self._own) > self.limits.own_styles:
                gone, _ = self._own.popitem(last=False)
                self.bank.vectors.pop(gone, None)
                self.bank.entries.pop(gone, None)
        return card

    def cards_for(self, own: list[str]) -> list[StyleCard]:
        """The collection, and before it those of a visitor's own styles that are still there."""
        return [*(card for name in own if (card := self._own.get(name))), *self.cards.values()]

    def _known(self, name: object) -> str:
        # Never through StyleBank.resolve: that would open any file a visitor names.
        if isinstance(name, str) and (name in self.cards or name in self._own):
            return name
        raise VisitorError("That style is not here (any more). Choose one of the styles shown.")

    def _card(self, name: str) -> StyleCard:
        entry = self.bank.entries[name]
        small = resize(self.sample, scaled_size(self.sample.shape[:2], PREVIEW_PAINTED))
        painted = self.stylizer.paint_one(small, Look(mix=StyleMix(((name, 1.0),))))
        shown = resize(painted, scaled_size(small.shape[:2], PREVIEW_SHOWN))
        about = ", ".join(part for part in (entry.artist, entry.year) if part)
        return StyleCard(name=name, title=entry.title or name, subtitle=about, preview=data_uri(shown))


def data_uri(picture: Pixels, quality: int = 82) -> str:
    """A small uint8 (H, W, 3) picture as a JPEG inside a data URI."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _number(value: object, what: str, low: float, high: float) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise VisitorError(f"{what[0].upper()}{what[1:]} must be a number from {low:g} to {high:g}.")
