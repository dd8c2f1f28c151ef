"""How a network is executed: one small file per way, behind one seam."""

from rtstyle.engines.auto import ENGINES, Work, open_engine
from rtstyle.engines.base import Engine, FrameNetwork
from rtstyle.engines.eager import EagerEngine

__all__ = ["ENGINES", "EagerEngine", "Engine", "FrameNetwork", "Work", "open_engine"]
