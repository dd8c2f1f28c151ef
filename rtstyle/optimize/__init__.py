"""The slow reference: the picture itself is optimised (Gatys, Ecker & Bethge 2016, Image Style Transfer Using CNNs, CVPR).

The losses are the trainer's, so a network's result and an optimised picture can be measured by the same figure.
"""

from rtstyle.optimize.config import OptimizeConfig
from rtstyle.optimize.descent import DescentListener, Optimised, Point, optimize
from rtstyle.optimize.loss import Losses, PictureLoss

__all__ = ["DescentListener", "Losses", "Optimised", "OptimizeConfig", "PictureLoss", "Point", "optimize"]
