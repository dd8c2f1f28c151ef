"""The tab that sets the slow way beside the fast one: the same photo, the same painting, the same measure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from rtstyle.errors import RTStyleError, WeightsError
from rtstyle.optimize import Optimised, OptimizeConfig, PictureLoss, Point, optimize
from rtstyle.optimize.config import SMALLEST_SIDE
from rtstyle.optimize.loss import fit_painting
from rtstyle.pixels import Pixels
from rtstyle.stylizer import Look
from rtstyle.webui.curve import Curve, curve_svg
from rtstyle.webui.jobs import Job, JobButtons
from rtstyle.webui.limits import no_larger, open_photo
from rtstyle.webui.messages import VisitorError, readable
from rtstyle.webui.newstyle import NO_LOSS_NETWORK
from rtstyle.webui.panel import Panel
from rtstyle.webui.studio import EXAMPLES, Studio
from rtstyle.webui.widgets import photo_input, progress_bar, status_line

SIDE = 192
"""Short side of both results: the slow way costs seconds an iteration where there is no GPU."""
LONGEST = 4
"""Longest shape that is optimised, as long side over short side: memory goes by the area."""
ITERATIONS = [("30", 30), ("100", 100), ("300", 300)]
USUAL_ITERATIONS = 100
PICTURE_EVERY = 5
FAST_RUNS = 3
HEIGHT = 260

Update = dict[str, Any]


def build_compare(studio: Studio, panel: Panel, learned: gr.State) -> None:
    """Lay the tab out and connect it; ``learned`` holds the painting of the visitor's newest own style."""
    handlers = Compare(studio)
    gr.HTML(
        '<p class="rt-prose">Before there were networks that paint, a picture itself was optimised until a loss network saw the '
        "photo's content and the painting's strokes in it (Gatys et al. 2016). Both ways minimise the same loss; only one of "
        "them is quick enough for a camera.</p>"
    )
    with gr.Row(elem_classes="rt-four"):
        photo = photo_input(str(EXAMPLES / "chelsea.jpg"), label="Your photo", height=HEIGHT, elem_id="rt-cmp-photo")
        painting = photo_input(
            None,
            label="The painting of the chosen style",
            height=HEIGHT,
            elem_id="rt-cmp-painting",
            sources=["upload", "clipboard"],
            what="painting",
        )
        fast = gr.Image(label="The network", height=HEIGHT, type="filepath", buttons=[], interactive=False, elem_id="rt-cmp-fast")
        slow = gr.Image(label="Optimised", height=HEIGHT, type="filepath", buttons=[], interactive=False, elem_id="rt-cmp-slow")
    with gr.Row(elem_classes="rt-actions"):
        iterations = gr.Radio(
            ITERATIONS, value=USUAL_ITERATIONS, label="Iterations of the slow way", min_width=200, elem_id="rt-cmp-iterations"
        )
        start = gr.Button("Compare", variant="primary", min_width=140, elem_id="rt-cmp-start")
        stop = gr.Button("Stop", variant="stop", interactive=False, min_width=120, elem_id="rt-cmp-stop")
    bar = gr.HTML(status_line("Choose a style, add its painting, and compare"), elem_id="rt-cmp-status")
    curve = gr.HTML("", elem_id="rt-cmp-curve")
    learned.change(
        lambda path: path or gr.update(),
        learned,
        painting,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    JobButtons(start=start, stop=stop, bar=bar).connect(
        handlers.jobs,
        handlers.compare,
        [photo, painting, iterations, *panel.widgets],
        [fast, slow, bar, curve, start, stop],
        name="compare",
        stop_name="stop_comparing",
        limit=1,
        pool="learn",
    )


@dataclass
class Race:
    """What is known of a comparison while it runs."""

    stop: threading.Event
    history: list[Point] = field(default_factory=list[Point])
    fast: str | None = None
    fast_seconds: float = 0.0
    fast_loss: float | None = None
    slow: str | None = None
    begun: float = field(default_factory=time.perf_counter)

    def bar(self, look: str) -> str:
        """The bar as it is now."""
        if not self.history:
            return progress_bar(None, "Opening the loss network")
        point = self.history[-1]
        return progress_bar(
            point.iteration / point.iterations,
            f"{look}: {self.fast_seconds:.3f} s",
            self.spent(),
            f"loss {point.losses.total:.3f}",
        )

    def spent(self) -> str:
        """How far the slow way is."""
        return f"optimised: {self.history[-1].iteration} iterations in {time.perf_counter() - self.begun:.0f} s"

    def curve(self) -> str:
        """The slow way's loss over its iterations, and the network's as a level line."""
        if len(self.history) < 2 or self.fast_loss is None:
            return ""
        points = [(float(point.iteration), point.losses.total) for point in self.history]
        end = float(self.history[-1].iterations)
        line = Curve("optimised picture", points)
        return curve_svg(line, level=("network", self.fast_loss), end=end, across="iterations of the slow way", up="loss")


class Compare:
    """What the tab's events do."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.jobs = studio.new_jobs()

    @readable
    def compare(
        self,
        photo: str | None,
        painting: str | None,
        iterations: int = USUAL_ITERATIONS,
        style: str = "",
        second: str = "",
        share: float = 0.5,
        strength: float = 1.0,
        keep_colors: bool = False,
        paint_size: int = 0,
        request: gr.Request | None = None,
    ) -> Iterator[tuple[Update, ...]]:
        """Paint both ways; yields the two pictures, the bar, the curve and the buttons."""
        del second, share, keep_colors, paint_size  # the reference knows one painting, its colours and one size
        look = self.studio.look(style, strength=strength)
        content = no_larger(
            open_photo(photo, self.studio.limits)[0],
            short_side=SIDE,
            long_side=LONGEST * SIDE,
            least=SMALLEST_SIDE,
            multiple=4,
        )
        if not painting:
            raise VisitorError("Add the painting that the chosen style was learned from: the slow way starts from it.")
        strokes = without_a_strips_rest(open_photo(painting, self.studio.limits)[0])
        races: list[Race] = []

        def work(stop: threading.Event) -> Optimised:
            races.append(Race(stop))
            return self._race(races[0], content, strokes, look, iterations)

        job = Job(work)
        title = self.studio.title(style)
        same, off, on = gr.update(), gr.update(interactive=False), gr.update(interactive=True)
        for _ in self.jobs.follow(request, job):
            race = races[0] if races else Race(job.stop)
            bar, curve = gr.update(value=race.bar(title)), gr.update(value=race.curve())
            yield _shown(race.fast), _shown(race.slow), bar, curve, off, on
        race, result = races[0], job.result
        slow = self.studio.write(result.picture)
        ratio = result.seconds / max(1e-6, race.fast_seconds)
        last = result.history[-1]
        facts = status_line(
            f"{title}: {race.fast_seconds:.3f} s, loss {race.fast_loss:.3f}",
            f"optimised: {last.iteration} iterations, {result.seconds:.0f} s, loss {last.losses.total:.3f}",
            f"meanwhile the network paints {ratio:,.0f} pictures",
        )
        yield same, gr.update(value=slow), gr.update(value=facts), gr.update(value=race.curve()), on, off

    def _race(self, race: Race, content: Pixels, strokes: Pixels, look: Look, iterations: int) -> Optimised:
        device = self.studio.device
        config = OptimizeConfig(iterations=int(iterations), scales=1)
        painted, race.fast_seconds = self._fast(content, look)
        race.fast = self.studio.write(painted)
        try:
            network = config.open_loss_network(device, self.studio.config.loss_weights)
        except WeightsError as error:
            raise VisitorError(NO_LOSS_NETWORK) from error
        size = (content.shape[0], content.shape[1])
        measure = PictureLoss(config, network, content, fit_painting(strokes, config, size, size), device)
        race.fast_loss = measure.measure(painted).total
        race.begun = time.perf_counter()

        def listen(point: Point, picture: Callable[[], Pixels]) -> bool:
            race.history.append(point)
            if point.iteration % PICTURE_EVERY == 0:
                race.slow = self.studio.write(picture())
            return not race.stop.is_set()

        try:
            return optimize(content, strokes, config, loss_network=network, device=device, listener=listen)
        except RTStyleError as error:
            raise VisitorError("The optimisation went astray with these pictures. Try another photo or painting.") from error

    def _fast(self, content: Pixels, look: Look) -> tuple[Pixels, float]:
        """The network's painting, and the best time of a few runs: the first pays for memory that the others find ready."""
        painted = self.studio.paint(content, look)
        seconds: Sequence[float] = [self._time(content, look) for _ in range(FAST_RUNS)]
        return painted, min(seconds)

    def _time(self, content: Pixels, look: Look) -> float:
        begun = time.perf_counter()
        self.studio.paint(content, look)
        return time.perf_counter() - begun


def without_a_strips_rest(painting: Pixels) -> Pixels:
    """A painting, cut where it is longer than ``LONGEST`` allows: it is measured by its short side, and its strokes go on."""
    most = LONGEST * min(painting.shape[:2])
    return painting[:most, :most]


def _shown(path: str | None) -> Update:
    return gr.update(value=path) if path else gr.update()
