"""Going on with a film that was interrupted: its packets are taken over, and a ticket says what they were made with."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from av.bitstream import BitStreamFilterContext

from rtstyle.errors import UsageError
from rtstyle.sinks.staging import partial_name
from rtstyle.sources.opening import open_container, video_stream

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

# mp4 and mkv keep these codecs without start codes; encoders write start codes, and one film must not mix the two.
_START_CODES = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What must be the same to go on, and where to go on."""

    settings: str
    """See :func:`fingerprint`."""
    frames: int
    last_seconds: str
    """When the last whole frame is shown, in the input's time, as an exact fraction."""

    @property
    def last(self) -> Fraction:
        return Fraction(self.last_seconds)

    @staticmethod
    def path(output: Path) -> Path:
        """``clip.mp4`` -> ``clip.partial.mp4.json``: the same film in another container has a ticket of its own."""
        partial = partial_name(output)
        return partial.with_name(f"{partial.name}.json")

    def save(self, output: Path) -> None:
        """Write it beside the partial film of ``output``; on a full disk there is none, and no half one."""
        try:
            self.path(output).write_text(json.dumps(asdict(self)), encoding="utf-8")
        except OSError as error:
            logger.warning("the film cannot be gone on with: %s", error)
            self.path(output).unlink(missing_ok=True)

    @classmethod
    def load(cls, output: Path, settings: str) -> Ticket | None:
        """The ticket of ``output``'s partial film; None where there is none.

        Raises :class:`UsageError` where it was made from another input, with other settings or for another partial film.
        """
        partial = partial_name(output)
        if not (partial.exists() and cls.path(output).exists()):
            return None
        try:
            ticket = cls(**json.loads(cls.path(output).read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UsageError(f"{cls.path(output)} is damaged; start again without --resume") from error
        if ticket.settings != settings:
            raise UsageError(f"{partial} was made from another input or with other options; start again without --resume")
        if (held := len(_times_shown(partial))) != ticket.frames:
            raise UsageError(
                f"{partial} holds {held} frames, not the {ticket.frames} of its ticket; start again without --resume"
            )
        return ticket

    @classmethod
    def clear(cls, output: Path) -> None:
        """Remove the partial film and its ticket."""
        partial_name(output).unlink(missing_ok=True)
        cls.path(output).unlink(missing_ok=True)


def fingerprint(source: Path, *settings: object) -> str:
    """A digest of the input's size and time and of everything that shapes the output."""
    import av

    state = source.stat()
    parts = [state.st_size, state.st_mtime_ns, sorted(av.library_versions.items()), *settings]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def encoded_packets(path: Path, last: Fraction) -> Iterator[Packet[VideoStream]]:
    """The film's packets as an encoder would have written them, each with a decoding time; the last frame is shown at ``last``.

    A container that has no times before zero (.ts, .flv) moved all of them by the encoder's delay: they are moved back.
    """
    shown = _times_shown(path)
    order = _decoding_times(shown)
    with open_container(path) as container:
        stream = video_stream(container, str(path))
        moved = round(max(shown) - last / Fraction(stream.time_base or 1))
        name = _START_CODES.get(stream.codec_context.name)
        convert = BitStreamFilterContext(name, stream) if name else None
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            packet.pts, packet.dts = (packet.pts or 0) - moved, next(order) - moved
            yield from convert.filter(packet) if convert else [packet]  # type: ignore[misc]


def _times_shown(path: Path) -> list[int]:
    """When each packet's frame is shown, in the order of decoding."""
    with open_container(path) as container:
        return [packet.pts or 0 for packet in container.demux(video_stream(container, str(path))) if packet.size]


def _decoding_times(shown: list[int]) -> Iterator[int]:
    """Decoding times from presentation times alone (Matroska stores no others): the n-th packet is decoded when the n-th
    frame is shown, as much earlier as the most reordered frame needs."""
    ordered = sorted(shown)
    rank = {pts: place for place, pts in enumerate(ordered)}
    delay = max((place - rank[pts] for place, pts in enumerate(shown)), default=0)
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    for place in range(len(ordered)):
        yield ordered[place - delay] if place >= delay else ordered[0] - (delay - place) * step
