"""How a network is executed: one small file per way, behind one seam."""

from rtstyle.engines.auto import ENGINES, Work, open_engine
from rtstyle.engines.base import Engine, FrameNetwork, batch_for
from rtstyle.engines.eager import EagerEngine

__all__ = ["ENGINES", "EagerEngine", "Engine", "FrameNetwork", "Work", "batch_for", "open_engine"]
