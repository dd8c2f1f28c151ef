"""``rtstyle evaluate``: how well the styles paint, in numbers and in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtstyle.cli.shared import DeviceOption, OverwriteOption, StrengthOption, Tier, TierOption, WeightsOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtstyle.evaluate.perceptual import QualityMeter

app = typer.Typer(no_args_is_help=True, help="Measure how well the styles paint, and how steadily.")

PhotosArgument = Annotated[
    Path, typer.Argument(metavar="PHOTOS", help="The folder the styles were trained on; every tenth photo was held out.")
]
PaintingsOption = Annotated[Path, typer.Option(help="Folder with the paintings, named like the styles.")]
LimitOption = Annotated[int, typer.Option("--photos", min=1, max=30, help="Use only the first of the 30 photos.")]
StylesOption = Annotated[str | None, typer.Option("--style", "-s", help="Styles, as in wave,scream; by default all of the tier.")]
LossWeightsOption = Annotated[Path | None, typer.Option(help="VGG-19 weights for the losses; downloaded by default.")]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here as well.")]


@app.command()
def quality(
    photos: PhotosArgument,
    paintings: PaintingsOption,
    style: StylesOption = None,
    limit: LimitOption = 30,
    strength: StrengthOption = 1.0,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    loss_weights: LossWeightsOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the weights' manifest as well.")] = False,
) -> None:
    """Content and style loss on held-out photos (0 is the photo itself, and the painting's own statistics)."""
    from tqdm import tqdm

    from rtstyle.errors import UsageError
    from rtstyle.evaluate.painters import open_painters
    from rtstyle.evaluate.perceptual import QUOTED_PHOTOS, measure_quality, quoted_photos
    from rtstyle.evaluate.report import as_table, check_report_path, quality_table, write_json
    from rtstyle.weightfiles import record_metrics, weights_folder

    check_report_path(json, overwrite=overwrite)
    if record and (style is not None or strength != 1 or limit < QUOTED_PHOTOS):
        raise UsageError(
            f"--record keeps the figures of a tier as it is, on all {QUOTED_PHOTOS} photos; "
            "leave out --style, --strength and --photos"
        )
    stylizer, painters = open_painters(style, tier=tier.value, device=device, weights=weights, strength=strength)
    paths = quoted_photos(photos, limit=limit)
    meter = _open_meter(painters, paintings, loss_weights, device)
    with tqdm(total=len(paths) * len(painters), unit="picture", dynamic_ncols=True, leave=False) as bar:
        results = measure_quality(paths, painters, meter, progress=lambda done, total: bar.update())
    typer.echo(quality_table(results))
    typer.echo(f"tier {stylizer.bank.tier}, {len(paths)} photos; published figures hold for the project's own evaluation photos")
    if json is not None:
        about = {"tier": stylizer.bank.tier, "strength": strength, "photos": [path.name for path in paths]}
        write_json({**about, "styles": [as_table(result) for result in results]}, json)
    if record:
        figures = {r.style: {"content": round(r.content_loss, 3), "style": round(r.style_loss, 4)} for r in results}
        record_metrics(weights or weights_folder(), stylizer.bank.tier, figures)


@app.command()
def strength(
    photos: PhotosArgument,
    paintings: PaintingsOption,
    style: StylesOption = None,
    limit: LimitOption = 8,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    loss_weights: LossWeightsOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Style loss, content loss and likeness to the photo (PSNR) at strengths from 0 to 1.5."""
    from tqdm import tqdm

    from rtstyle.evaluate.painters import open_looks
    from rtstyle.evaluate.perceptual import quoted_photos
    from rtstyle.evaluate.report import as_table, check_report_path, strength_table, write_json
    from rtstyle.evaluate.strength import STRENGTHS, measure_strength

    check_report_path(json, overwrite=overwrite)
    stylizer, looks = open_looks(style, tier=tier.value, device=device, weights=weights)
    paths = quoted_photos(photos, limit=limit)
    meter = _open_meter(looks, paintings, loss_weights, device)
    with tqdm(total=len(paths) * len(looks) * len(STRENGTHS), unit="picture", dynamic_ncols=True, leave=False) as bar:
        points = measure_strength(paths, stylizer, looks, meter, progress=bar.update)
    typer.echo(strength_table(points))
    typer.echo(f"tier {stylizer.bank.tier}, {len(paths)} photos")
    if json is not None:
        about = {"tier": stylizer.bank.tier, "photos": [path.name for path in paths]}
        write_json({**about, "points": [as_table(point) for point in points]}, json)


@app.command()
def temporal(
    clips: Annotated[list[Path], typer.Argument(metavar="CLIP...", help="Films to paint.")],
    style: StylesOption = None,
    frames: Annotated[int, typer.Option(min=2, help="How many frames of each clip.")] = 60,
    paintings: Annotated[
        Path | None, typer.Option(help="Folder with the paintings: adds the style loss, without which steadiness says little.")
    ] = None,
    strength: StrengthOption = 1.0,
    stabilize: Annotated[bool, typer.Option("--stabilize", help="Measure every style steadied at run time as well.")] = False,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    loss_weights: LossWeightsOption = None,
    json: JsonOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Warping error, its root, and the mean change where the film stands still; 'none' is the film itself."""
    from tqdm import tqdm

    from rtstyle.evaluate.labels import file_name, labels
    from rtstyle.evaluate.painters import open_painters
    from rtstyle.evaluate.report import as_table, check_report_path, steadiness_table, write_json
    from rtstyle.evaluate.temporal import STEADIED, first_frames, measure_steadiness, with_steadied
    from rtstyle.styles import NONE

    check_report_path(json, overwrite=overwrite)
    stylizer, painters = open_painters(style, tier=tier.value, device=device, weights=weights, strength=strength)
    meter = _open_meter(painters, paintings, loss_weights, device) if paintings is not None else None
    if meter is not None:
        meter.grams |= {name + STEADIED: grams for name, grams in meter.grams.items()}
    figures: dict[str, list[dict[str, object]]] = {}
    for name, clip in zip(labels([str(clip) for clip in clips], file_name), clips, strict=True):
        looks = {NONE: lambda batch: batch, **(with_steadied(painters) if stabilize else painters)}
        with tqdm(total=frames, unit="frame", desc=name, dynamic_ncols=True, leave=False) as bar:
            results = measure_steadiness(
                first_frames(clip, frames), looks, meter=meter, progress=lambda done, bar=bar: bar.update()
            )
        first = results[0]
        typer.echo(f"{name}: {first.pairs + 1} frames, {first.visible:.0%} of the pixels visible, {first.still:.0%} still")
        typer.echo(steadiness_table(results) + "\n")
        figures[name] = [as_table(result) for result in results]
    if json is not None:
        write_json({"tier": stylizer.bank.tier, "strength": strength, "clips": figures}, json)


@app.command()
def gallery(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photos to paint in every style.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The picture to write.")],
    style: StylesOption = None,
    cell: Annotated[str, typer.Option(metavar="WxH", help="Size at which each photo is painted and shown.")] = "300x200",
    columns: Annotated[int, typer.Option(min=1, help="Styles side by side.")] = 2,
    strength: StrengthOption = 1.0,
    tier: TierOption = Tier.auto,
    device: DeviceOption = "auto",
    weights: WeightsOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """One picture of all styles on the same photos."""
    from rtstyle.config import parse_size
    from rtstyle.evaluate import report
    from rtstyle.evaluate.painters import open_painters
    from rtstyle.sinks.images import check_new_still, write_still
    from rtstyle.sources.images import read_still

    check_new_still(out, photos, overwrite=overwrite)
    size = parse_size(cell)
    pictures = [read_still(path)[0] for path in photos]
    _, painters = open_painters(style, tier=tier.value, device=device, weights=weights, strength=strength)
    write_still(report.gallery(pictures, painters, cell=size, columns=columns), out)
    typer.echo(f"{len(painters)} styles on {len(pictures)} photos -> {out}")


def _open_meter(styles: Iterable[str], paintings: Path, loss_weights: Path | None, device: str) -> QualityMeter:
    from rtstyle.cli.shared import open_device
    from rtstyle.evaluate.labels import style_name
    from rtstyle.evaluate.perceptual import LAYERS, QualityMeter, find_painting
    from rtstyle.perceptual.network import LossNetwork

    found = {style: find_painting(paintings, style_name(style)) for style in styles}
    return QualityMeter(LossNetwork(LAYERS, weights=loss_weights), found, device=open_device(device))
