"""The person at the window: keys and mouse become actions, frames become pictures with an overlay."""

from __future__ import annotations

from collections.abc import Callable

from rtstyle.frame import Frame
from rtstyle.live.controls import Controls
from rtstyle.live.keys import Action, action_of
from rtstyle.live.overlay import Figures, compose
from rtstyle.pixels import Pixels
from rtstyle.stats import StatsRecorder


class WindowViewer:
    """Connects a window to the controls."""

    def __init__(self, controls: Controls, recorder: StatsRecorder, recording_for: Callable[[], float | None]) -> None:
        """``recording_for``: the length of the running recording in seconds, None without one."""
        self.controls = controls
        self.figures = Figures(recorder)
        self.recording_for = recording_for

    @property
    def fullscreen(self) -> bool:
        """Whether the window is to fill the screen."""
        return self.controls.fullscreen

    def compose(self, frame: Frame) -> Pixels:
        """The frame with everything over it."""
        return compose(frame, self.controls, self.figures, self.recording_for())

    def on_key(self, key: str) -> None:
        """Do what the key stands for; the escape key first closes the help."""
        action = action_of(key)
        if action is Action.quit and key == "escape" and self.controls.help:
            action = Action.help
        if action is not None:
            self.controls.press(action, int(key) if key.isdigit() else 0)

    def on_pointer(self, event: str, x: float) -> None:
        """Move the divider, change the strength, fill the screen."""
        self.controls.point(x)
        if event == "double":
            self.controls.press(Action.fullscreen)
        elif event.startswith("wheel"):
            self.controls.press(Action.stronger if event == "wheel up" else Action.weaker)

    def on_close(self) -> None:
        """A closed window ends the session."""
        self.controls.press(Action.quit)
