"""What can be changed while it runs: one object that keys, painter, overlay and outputs share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rtstyle.live.fade import Fade, blend
from rtstyle.live.keys import Action
from rtstyle.live.playlist import Playlist
from rtstyle.styles import StyleMix
from rtstyle.stylizer import STRONGEST, Look

STRENGTH_STEP = 0.1
MESSAGE_SECONDS = 2.5
BLEND_SHARE = 0.5


@dataclass(frozen=True)
class Message:
    """A line for the viewer that goes by itself."""

    text: str
    until: float


class Controls:
    """The state of a live session; every method may be called from any thread."""

    def __init__(
        self,
        playlist: Playlist,
        *,
        strength: float = 1.0,
        keep_colors: bool = False,
        mirror: bool = False,
        cycle: float | None = None,
        recording: bool = False,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``cycle``: seconds after which the next style comes by itself; ``stop`` is set to end the session."""
        self._lock = threading.RLock()
        self._clock = clock
        self.playlist = playlist
        self.strength = strength
        self.keep_colors = keep_colors
        self.mirror = mirror
        self.cycle = cycle
        self.recording = recording
        self.blending = False
        self.frozen = False
        self.split: float | None = None
        """Where the before|after divider is, as a share of the width; None without it."""
        self.fullscreen = False
        self.overlay = True
        self.help = False
        self.stop = stop or threading.Event()
        self.stills_wanted = 0
        self._pointer = 0.5
        self._message: Message | None = None
        self._fade = Fade(playlist.current, playlist.current, clock())
        self._cycle_at = clock() + cycle if cycle else None

    def look(self) -> Look:
        """How to paint at this moment: in the middle of a cross-fade, somewhere between two styles."""
        with self._lock:
            now = self._clock()
            if self._cycle_at is not None and now >= self._cycle_at and not self.frozen:
                self._choose(self.playlist.moved(1))
            return Look(mix=self._fade.at(now), strength=self.strength, keep_colors=self.keep_colors)

    @property
    def wanted(self) -> StyleMix:
        """The mix that a running cross-fade ends at."""
        current = self.playlist.current
        return blend(current, self.playlist.next, BLEND_SHARE) if self.blending else current

    @property
    def message(self) -> str:
        """What the viewer is to be told right now, or nothing."""
        message = self._message
        return message.text if message and self._clock() < message.until else ""

    def say(self, text: str, seconds: float = MESSAGE_SECONDS) -> None:
        """Tell the viewer something for a while."""
        self._message = Message(text, self._clock() + seconds)

    def point(self, x: float) -> None:
        """The pointer is at share ``x`` of the picture's width."""
        with self._lock:
            self._pointer = min(1.0, max(0.0, x))
            if self.split is not None:
                self.split = self._pointer

    def take_still(self) -> bool:
        """Whether a still was asked for; each request is answered once."""
        with self._lock:
            wanted = self.stills_wanted > 0
            self.stills_wanted -= wanted
            return wanted

    def press(self, action: Action, number: int = 0) -> None:
        """Do ``action``; ``number`` counts from 1 and belongs to :attr:`Action.pick`."""
        with self._lock:
            match action:
                case Action.next:
                    self._choose(self.playlist.moved(1))
                case Action.previous:
                    self._choose(self.playlist.moved(-1))
                case Action.pick:
                    self._choose(self.playlist.at(number - 1))
                case Action.stronger:
                    self._strengthen(STRENGTH_STEP)
                case Action.weaker:
                    self._strengthen(-STRENGTH_STEP)
                case Action.blend:
                    self.blending = not self.blending
                    self._fade = self._fade.towards(self.wanted, self._clock())
                case Action.still:
                    self.stills_wanted += 1
                case Action.compare:
                    self.split = self._pointer if self.split is None else None
                case Action.quit:
                    self.stop.set()
                case _:
                    self._toggle(action)

    def _toggle(self, action: Action) -> None:
        match action:
            case Action.colors:
                self.keep_colors = not self.keep_colors
                self.say("colours of the picture" if self.keep_colors else "colours of the style")
            case Action.mirror:
                self.mirror = not self.mirror
            case Action.freeze:
                self.frozen = not self.frozen
            case Action.record:
                self.recording = not self.recording
            case Action.fullscreen:
                self.fullscreen = not self.fullscreen
            case Action.overlay:
                self.overlay = not self.overlay
            case _:
                self.help = not self.help

    def _choose(self, playlist: Playlist) -> None:
        self.playlist = playlist
        self._fade = self._fade.towards(self.wanted, self._clock())
        if self.cycle:
            self._cycle_at = self._clock() + self.cycle

    def _strengthen(self, by: float) -> None:
        self.strength = min(STRONGEST, max(0.0, round(self.strength + by, 2)))
