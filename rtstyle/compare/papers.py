"""What each method is, in a sentence, and the papers it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A citation and where to read it."""

    citation: str
    address: str


@dataclass(frozen=True)
class About:
    """A method, or the kind of network behind one."""

    title: str
    text: str
    papers: tuple[Paper, ...]


def _arxiv(citation: str, number: str) -> Paper:
    return Paper(f"{citation}, arXiv {number}", f"https://arxiv.org/abs/{number}")


GATYS = Paper(
    "Gatys, Ecker & Bethge 2016, Image Style Transfer Using Convolutional Neural Networks, CVPR",
    "https://openaccess.thecvf.com/content_cvpr_2016/html/Gatys_Image_Style_Transfer_CVPR_2016_paper.html",
)
JOHNSON = _arxiv(
    "Johnson, Alahi & Fei-Fei 2016, Perceptual Losses for Real-Time Style Transfer and Super-Resolution", "1603.08155"
)
INSTANCE_NORM = _arxiv("Ulyanov, Vedaldi & Lempitsky 2016, Instance Normalization", "1607.08022")
CONDITIONAL_NORM = _arxiv("Dumoulin, Shlens & Kudlur 2017, A Learned Representation for Artistic Style", "1610.07629")
VGG = _arxiv("Simonyan & Zisserman 2014, Very Deep Convolutional Networks", "1409.1556")
ADAIN = _arxiv("Huang & Belongie 2017, Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", "1703.06868")
INCEPTION = _arxiv("Szegedy et al. 2014, Going Deeper with Convolutions", "1409.4842")
RESNEXT = _arxiv("Xie et al. 2016, Aggregated Residual Transformations", "1611.05431")
TEXTURE = _arxiv("Ulyanov et al. 2016, Texture Networks", "1603.03417")
TEXTURE_IMPROVED = _arxiv("Ulyanov, Vedaldi & Lempitsky 2017, Improved Texture Networks", "1701.02096")

REFERENCE = About(
    "The slow reference",
    "The pixels themselves are changed until the picture's deep features fit the photo and its gram matrices the painting.",
    (GATYS,),
)
NETWORKS = {
    "transformer": About(
        "rtstyle's own network",
        "One small network paints all styles in one pass; a vector tells its norms which.",
        (JOHNSON, CONDITIONAL_NORM, INSTANCE_NORM),
    ),
    "johnson": About(
        "The network of Johnson et al.",
        "Two halvings, five residual blocks, two doublings, trained once a style on the loss of the slow reference.",
        (JOHNSON, INSTANCE_NORM),
    ),
    "aonet": About(
        "AO-Net",
        "An eighth of the resolution at once, parallel convolutions at the entrance, grouped residual blocks. "
        "No paper of its own is known; its parts are cited.",
        (INCEPTION, RESNEXT),
    ),
    "vgg_decoder": About(
        "VGG encoder and decoder",
        "A pretrained classifier reads the picture, its first 20 layers unchanged; a decoder of our own paints.",
        (VGG, ADAIN, INSTANCE_NORM),
    ),
    "texture": About(
        "Texture network",
        "Noise and the reduced photo enter at five scales and meet from coarse to fine.",
        (TEXTURE, TEXTURE_IMPROVED),
    ),
}
"""By architecture."""
