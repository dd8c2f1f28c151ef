"""What the page allows and where it is served; frozen, validated once."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from rtstyle.errors import UsageError

MEGA = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what a visitor may ask for; whoever is above one is told which."""

    still_bytes: int = 25 * MEGA
    still_pixels: int = 24 * MEGA
    clip_bytes: int = 100 * MEGA
    clip_pixels: int = 1920 * 1088
    """Of one frame; 1088 is what encoders make of 1080."""
    clip_seconds: float = 60.0
    painters: int = 2
    """Stills worked on at once; everybody else waits in the queue."""
    films: int = 2
    """Clips rendered at once."""
    waiting: int = 64
    """Visitors that may wait; one more is asked to come back later."""
    cameras: int = 4
    """Cameras painted live at once."""
    own_styles: int = 64
    """Fitted styles kept in memory, all visitors together; the oldest go first."""
    keep_seconds: float = 3600.0
    """How long uploads and results stay on disk."""
    disk_bytes: int = 4000 * MEGA
    """What uploads and results may take on disk; the oldest go first."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) <= 0:
                raise UsageError(f"the page's limit {name} is {getattr(self, name)}; it must be above 0")


@dataclass(frozen=True, kw_only=True)
class PageConfig:
    """How the page is served."""

    host: str = "127.0.0.1"
    port: int = 7860
    """0 takes any free one."""
    auth: tuple[str, str] | None = None
    """User and password that every request needs."""
    tier: str = "auto"
    device: str = "auto"
    engine: str = "auto"
    weights: Path | None = None
    photos: Path | None = None
    """Photos that new styles are fitted on; the examples where it is None."""
    loss_weights: Path | None = None
    """File of the loss network; torchvision's download where it is None."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"port {self.port} is outside 0..65535")
        if self.photos is not None and not os.path.isdir(self.photos):
            raise UsageError(f"no folder of photos at {self.photos}")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the page."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_auth(text: str | None) -> tuple[str, str] | None:
    """``user:password`` -> the pair; raises :class:`UsageError` for anything else."""
    if text is None:
        return None
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise UsageError("auth is not USER:PASSWORD, for example --auth anna:sesame")
    return user, password
