"""What has been published about the cost of the slow and the fast way, to be read beside our own figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One published comparison."""

    setting: str
    slow: str
    fast: str
    ratio: str
    source: str


UNSOURCED = "often quoted; no source could be found"
JOHNSON = "Johnson et al. 2016, arXiv 1603.08155, Table 1 (Titan X)"
FACTS = (
    Fact("256 x 256, 500 L-BFGS iterations", "", "0.015 s", "1060 times", JOHNSON),
    Fact("512 x 512, 500 L-BFGS iterations", "54.85 s", "0.05 s", "1026 times", JOHNSON),
    Fact("512 x 512, 100 L-BFGS iterations", "10.97 s", "0.05 s", "", JOHNSON),
    Fact("1024 x 1024, 500 L-BFGS iterations", "", "0.21 s", "1042 times", JOHNSON),
    Fact(
        "a photo, VGG-16 losses, V100",
        "480 s",
        "2.5 to 3 s",
        "160 to 190 times",
        UNSOURCED,
    ),
    Fact("a photo, VGG-19 losses, one GPU", "63 s", "0.17 s", "370 times", UNSOURCED),
)
EQUIVALENT = (
    "Johnson et al. 2016, sec. 4.1: a network reaches the loss of 50 to 100 L-BFGS iterations at 256 px, and a similar one at "
    "512 and 1024 px, from noise, with the losses and weights of the paper. Losses differ in how fast L-BFGS descends them: the "
    "figure belongs to the loss."
)
