"""Recipes: everything that decides how a training run comes out, in one TOML file."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from rtstyle.errors import UsageError
from rtstyle.fields import check_kinds
from rtstyle.nets import NetworkConfig, architecture, network_config
from rtstyle.nets.transformer import NetConfig
from rtstyle.perceptual.config import LossConfig, check_choice, check_seed
from rtstyle.training.motion import MotionConfig

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StyleSource:
    """One painting to learn."""

    name: str
    image: str
    """File name, looked up in the folder of paintings (or a path of its own)."""
    title: str = ""
    artist: str = ""
    year: str = ""
    terms: str = ""
    """Where the picture comes from and under which licence."""
    style_weight: float = 1.0
    """Factor on the recipe's style weight: more paint, less photo."""
    share: float = 1.0
    """How often the style is drawn, relative to the others."""

    def __post_init__(self) -> None:
        for name in ("style_weight", "share"):
            _check_not_negative(self, name)


@dataclass(frozen=True, kw_only=True)
class Recipe(LossConfig):
    """A training run."""

    tier: str = "live"
    net: NetworkConfig = field(default_factory=NetConfig)
    """The network; in a file a table whose ``arch`` names the kind (``transformer`` where it is absent)."""
    styles: tuple[StyleSource, ...] = ()
    steps: int = 2000
    stop_after: int = 0
    """Of those steps, how many to take: a run that ends there ends before its learning rate has come down. All, if 0."""
    batch_size: int = 4
    image_size: int = 192
    """Side of the square training crops, in pixels."""
    photo_scale: tuple[int, int] = (288, 448)
    """Range of short sides to which a photo is scaled before the crop."""
    optimizer: Literal["adam", "muon", "lbfgs"] = "adam"
    """``muon`` trains the hidden kernels by Muon and the rest by Adam. ``lbfgs`` fits style vectors, with the network frozen,
    on one batch of photos that stays; see ``training.steps``."""
    trains: Literal["all", "vectors", "photo_term"] = "all"
    """``vectors``: only the style vectors; those whose share is 0 stay as they are to the last bit.

    ``photo_term``: only the gains and biases with which the norms let the photo through below full strength. What the styles look
    like at full strength stays as it is to the last bit, so this goes after all other training."""
    learning_rate: float = 3e-3
    vector_learning_rate: float = 6e-3
    kernel_learning_rate: float = 0.01
    """With ``muon``: how much of its own size a hidden kernel moves in a step."""
    warmup: int = 50
    temporal_weight: float = 100.0
    feature_temporal_weight: float = 0.2
    lattice_weight: float = 0.0
    """Weight of the grid that upsampling leaves, see :func:`rtstyle.perceptual.losses.lattice_loss`."""
    motion: MotionConfig = field(default_factory=MotionConfig)
    strength_share: float = 0.25
    """Share of pictures painted at a random strength below 1."""
    reconstruction_weight: float = 100.0
    """Weight of the mean squared distance to the photo at strength 0."""
    teacher_weight: float = 300.0
    """Weight of the mean squared distance to the teacher's painting, where training is given one."""
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "batch_size", "learning_rate", "vector_learning_rate", "kernel_learning_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value}; it must be a number above 0")
        for name in (
            "temporal_weight",
            "feature_temporal_weight",
            "lattice_weight",
            "reconstruction_weight",
            "teacher_weight",
            "warmup",
            "stop_after",
        ):
            _check_not_negative(self, name)
        if not 0 <= self.strength_share <= 1:
            raise UsageError(f"strength_share is {self.strength_share}; it must be between 0 and 1")
        names = [style.name for style in self.styles]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise UsageError(f"two styles are called '{twice[0]}'; give each a name of its own")
        if self.styles and not any(style.share for style in self.styles):
            raise UsageError("all styles have the share 0, so none would be learned; give one a share above 0")
        if self.image_size < 64 or self.image_size % self.net.multiple:
            raise UsageError(f"image_size is {self.image_size}; it must be a multiple of {self.net.multiple}, at least 64")
        if self.lattice_weight and self.image_size < 2 * self.net.multiple:
            raise UsageError(f"image_size is {self.image_size}; with lattice_weight it must be at least {2 * self.net.multiple}")
        if len(self.photo_scale) != 2 or not self.image_size <= self.photo_scale[0] <= self.photo_scale[1]:
            raise UsageError(f"photo_scale {self.photo_scale} must be a rising range from image_size ({self.image_size}) up")
        check_seed(self.seed)
        check_choice(self, "optimizer", ("adam", "muon", "lbfgs"))
        check_choice(self, "trains", ("all", "vectors", "photo_term"))
        if self.trains == "vectors" and self.optimizer == "muon":
            raise UsageError("Muon trains a network's kernels, and style vectors have none: set adam")
        if self.trains == "photo_term" and (self.optimizer == "muon" or not self.strength_share):
            raise UsageError("photo_term has no kernels for Muon and is learned below full strength: set adam and strength_share")

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a TOML file; raises :class:`UsageError` naming the key that is unknown or unfit.

        Its styles are listed in it, or in the file beside it that ``collection`` names; then ``[styles]`` says what is
        different for some of them: ``wave = { style_weight = 1.4 }``.
        """
        table = _read(path)
        if "collection" in table:
            listed = path.parent / str(table.pop("collection"))
            table["styles"] = _changed(_read(listed).get("styles"), listed, table.get("styles", {}), str(path))
        return cls.from_table(table, origin=str(path))

    @classmethod
    def from_table(cls, table: dict[str, Any], *, origin: str = "recipe") -> Recipe:
        """Build from parsed TOML (or a checkpoint's copy of one)."""
        values = dict(table)
        styles, scale = values.get("styles", ()), values.get("photo_scale", ())
        if not isinstance(styles, list | tuple):
            raise UsageError(f"{origin}: styles is {styles!r}; it must be a list of tables, each under [[styles]]")
        if not (isinstance(scale, list | tuple) and all(isinstance(side, int) for side in scale)):
            raise UsageError(f"{origin}: photo_scale is {scale!r}; it must be two whole numbers, as in [288, 448]")
        net = _table(values.get("net", {}), "net", origin)
        try:
            values["net"] = network_config(net)
        except UsageError as error:
            raise UsageError(f"{origin}: {error}") from None
        values["motion"] = _build(MotionConfig, _table(values.get("motion", {}), "motion", origin), origin)
        values["styles"] = tuple(_build(StyleSource, _table(style, "a style", origin), origin) for style in styles)
        if "photo_scale" in values:
            values["photo_scale"] = tuple(scale)
        return _build(cls, values, origin)

    @property
    def last_step(self) -> int:
        """How many steps the run takes."""
        return min(self.stop_after or self.steps, self.steps)

    def with_learning_rate(self, rate: float) -> Recipe:
        """The same with another rate for the network, its kernels' under Muon in proportion."""
        kernels = self.kernel_learning_rate * rate / self.learning_rate
        return dataclasses.replace(self, learning_rate=rate, kernel_learning_rate=kernels)

    def to_table(self) -> dict[str, Any]:
        """Plain data, as :meth:`from_table` takes it."""
        table = dataclasses.asdict(self)
        table["net"] = {"arch": architecture(self.net), **table["net"]}
        return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no recipe at {path}") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML recipe: {error}") from error


def _changed(listed: Any, file: Path, changes: Any, origin: str) -> list[dict[str, Any]]:
    """The styles ``listed`` in ``file``, with the fields that ``changes`` has under their names."""
    if not isinstance(listed, list):
        raise UsageError(f"{file} lists no styles ([[styles]])")
    styles = [_table(style, "a style", str(file)) for style in listed]
    changes = _table(changes, "styles", origin)
    names = [style.get("name") for style in styles]
    if unknown := [name for name in changes if name not in names]:
        raise UsageError(f"{origin}: no style '{unknown[0]}' in {file}; there are: {', '.join(map(str, names))}")
    return [{**style, **_table(changes.get(style.get("name"), {}), "a style", origin)} for style in styles]


def _check_not_negative(values: object, name: str) -> None:
    value = getattr(values, name)
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"{name} is {value}; it must be a number, 0 or above")


def _table(value: Any, name: str, origin: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{origin}: {name} is {value!r}; it must be a table of settings")
    return value


def _build(kind: type[T], values: dict[str, Any], origin: str) -> T:
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"{origin}: unknown key '{name}'; legal: {', '.join(sorted(known))}")
    check_kinds(kind, values, origin)
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{origin}: {error}") from error
