"""The one path of a frame: source -> batch -> Stylizer -> sinks, each stage in a thread of its own.

::

    reader thread --Channel--> painter thread --Channel per sink--> writer threads
                                                                    (the calling thread for windows)

Files block: every frame is painted, N at a time, and order is kept. The first error of any stage aborts every channel,
all threads are joined, and the error is raised to the caller. The network gets a thread a core and
codecs choose for themselves: x264's core time was measured to be the same with one, two or its own number of threads.

Live sources drop: a Channel of length 1 holds the newest frame, batches are of 1, and no output makes another wait:
each has a channel of its own that loses its oldest frame. A window shows nothing older than two frame intervals (see
:mod:`rtstyle.pipeline.freshness`). An output that fails, or cannot be opened, is reported and dropped while others are left.
"""

from rtstyle.pipeline.runner import run

__all__ = ["run"]
