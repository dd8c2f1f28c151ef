"""Which key does what: the one table that the window obeys and the help panel shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a viewer can ask for."""

    next = "next style"
    previous = "previous style"
    pick = "style by number"
    stronger = "stronger"
    weaker = "weaker"
    blend = "blend with the next style"
    colors = "keep the picture's colours"
    mirror = "mirror"
    compare = "before | after, follows the mouse"
    freeze = "freeze"
    still = "save a still"
    record = "start / stop recording"
    fullscreen = "full screen"
    overlay = "hide / show figures"
    help = "this help"
    quit = "quit"


@dataclass(frozen=True)
class Binding:
    """An action, its keys by name, and how the help writes them."""

    action: Action
    keys: tuple[str, ...]
    shown: str
    group: str


BINDINGS = (
    Binding(Action.pick, tuple("123456789"), "1 - 9", "Style"),
    Binding(Action.next, ("right", "down", "n"), "Right", "Style"),
    Binding(Action.previous, ("left", "up", "p"), "Left", "Style"),
    Binding(Action.weaker, ("[", "-"), "[", "Style"),
    Binding(Action.stronger, ("]", "+", "="), "]", "Style"),
    Binding(Action.blend, ("b",), "B", "Style"),
    Binding(Action.colors, ("c",), "C", "Style"),
    Binding(Action.mirror, ("m",), "M", "Picture"),
    Binding(Action.compare, ("x",), "X", "Picture"),
    Binding(Action.freeze, ("space",), "Space", "Picture"),
    Binding(Action.still, ("s",), "S", "Picture"),
    Binding(Action.record, ("r",), "R", "Picture"),
    Binding(Action.fullscreen, ("f",), "F", "Window"),
    Binding(Action.overlay, ("h",), "H", "Window"),
    Binding(Action.help, ("?", "/", "f1"), "?", "Window"),
    Binding(Action.quit, ("q", "escape"), "Q", "Window"),
)

_ACTIONS = {key: binding.action for binding in BINDINGS for key in binding.keys}


def action_of(key: str) -> Action | None:
    """The action of a key name (``a``, ``left``, ``space``, ``escape``), None for a key without one."""
    return _ACTIONS.get(key.lower())
