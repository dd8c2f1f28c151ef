"""The trainer: it lowers its losses, survives what goes wrong, resumes, and what it exports paints the same."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from rtstyle.errors import TrainingError, UsageError
from rtstyle.nets.transformer import NetConfig, TransformerNet
from rtstyle.styles import StyleBank, StyleMix, load_style_file
from rtstyle.stylizer import Stylizer
from rtstyle.system.whole import temporary_name
from rtstyle.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from rtstyle.training.data import list_pictures
from rtstyle.training.export import export_tier
from rtstyle.training.fit import FIT_RECIPE, fit_style
from rtstyle.training.loop import Progress, Trainer
from rtstyle.training.recipe import Recipe, StyleSource
from rtstyle.training.record import LOG
from rtstyle.training.steps import learning_rate_factor

TINY = NetConfig(width=4, blocks=0, deep_blocks=1)
RECIPE = Recipe(
    net=TINY,
    styles=(StyleSource(name="stripes", image="stripes.png"),),
    steps=12,
    batch_size=2,
    image_size=64,
    photo_scale=(64, 96),
    warmup=1,
    strength_share=0,  # the log holds full-strength pictures only
)
CPU = torch.device("cpu")


def make_trainer(recipe: Recipe, run_folder: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> Trainer:
    torch.manual_seed(0)
    network = TransformerNet(TINY)
    return Trainer(
        recipe,
        network=network,
        vectors=network.neutral_style().repeat(len(recipe.styles), 1),
        paintings=[painting] * len(recipe.styles),
        photos=list_pictures(photo_folder),
        preview_photos=list_pictures(photo_folder)[:2],
        run_folder=run_folder,
        device=CPU,
        loss_weights=loss_weights,
    )


def test_training_lowers_the_loss_and_the_export_paints_the_same(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path
) -> None:
    seen: list[Progress] = []
    trainer = make_trainer(dataclasses.replace(RECIPE, steps=30), tmp_path / "run", painting, photo_folder, loss_weights)
    assert trainer.run(sheet_every=15, listener=seen.append) is True  # type: ignore[arg-type]
    rows = [line.split(",") for line in (tmp_path / "run" / LOG).read_text().splitlines()[1:]]
    style = [float(row[2]) for row in rows if row[2]]
    assert np.mean(style[-5:]) < 0.9 * np.mean(style[:3])
    sheets = [p.sheet for p in seen if p.sheet]
    assert len(sheets) == 2
    assert Image.open(sheets[-1]).size[0] > 2 * RECIPE.image_size

    export_tier(trainer.network, trainer.vectors, trainer.recipe, tmp_path, steps=trainer.step)
    bank = StyleBank.load(folder=tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    painted = Stylizer(bank, "stripes").paint_one(picture)
    x = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        wanted = trainer.network(x, trainer.vectors[0])[0].permute(1, 2, 0) * 255
    assert np.abs(painted.astype(float) - wanted.numpy()).max() <= 2


def test_resumed_training_goes_on_where_it_stopped(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path
) -> None:
    run_folder = tmp_path / "run"
    first = make_trainer(RECIPE, run_folder, painting, photo_folder, loss_weights)
    assert first.run(listener=lambda progress: progress.step < 5) is False
    assert load_checkpoint(run_folder / CHECKPOINT)["step"] == 5
    second = make_trainer(RECIPE, run_folder, painting, photo_folder, loss_weights)
    second.resume()
    assert torch.equal(second.vectors, first.vectors)
    assert second.run() is True
    steps = [int(line.split(",")[0]) for line in (run_folder / LOG).read_text().splitlines()[1:]]
    assert steps == list(range(12))
    # The same photos, crops, styles, strengths and motions as without a stop.
    whole = make_trainer(RECIPE, tmp_path / "whole", painting, photo_folder, loss_weights)
    assert whole.run() is True
    assert torch.equal(whole.vectors, second.vectors)
    for parameter, unbroken in zip(second.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(parameter, unbroken)


def test_a_run_that_was_killed_logs_no_step_twice(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> None:
    first = make_trainer(dataclasses.replace(RECIPE, steps=2), tmp_path, painting, photo_folder, loss_weights)
    assert first.run() is True
    log = tmp_path / LOG
    logged = log.read_bytes()
    # After the checkpoint came three more steps, and half of a line.
    log.write_bytes(logged + b"".join(b"%d,9,9,9,9,9,9,\r\n" % step for step in (2, 3, 4)) + b"5,0.3")
    second = make_trainer(dataclasses.replace(RECIPE, steps=4), tmp_path, painting, photo_folder, loss_weights)
    second.resume()
    assert second.run() is True
    assert log.read_bytes().startswith(logged)
    assert [line.split(",")[0] for line in log.read_text().splitlines()] == ["step", "0", "1", "2", "3"]


def test_resume_without_or_with_a_foreign_checkpoint_is_refused(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path
) -> None:
    trainer = make_trainer(RECIPE, tmp_path / "run", painting, photo_folder, loss_weights)
    with pytest.raises(UsageError, match="nothing to resume"):
        trainer.resume()
    other = TransformerNet(NetConfig(width=2, blocks=0, deep_blocks=0))
    (tmp_path / "run").mkdir()
    save_checkpoint({"network": other.state_dict(), "vectors": other.neutral_style()[None]}, tmp_path / "run")
    with pytest.raises(UsageError, match="not the checkpoint of a training run"):
        trainer.resume()
    for changes, says in (({"name": "spots"}, "for spots, not for stripes"), ({}, "deep_blocks=0.*not NetConfig")):
        foreign = dataclasses.replace(
            RECIPE, net=TINY if changes else other.config, styles=(dataclasses.replace(RECIPE.styles[0], **changes),)
        )
        save_checkpoint({"recipe": foreign.to_table()}, tmp_path / "run")
        with pytest.raises(UsageError, match=says):
            trainer.resume()


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"optimizer": "lbfgs", "strength_share": 0.0}, "begun with lbfgs"), ({"image": "other.png"}, "is for other.png, not for")],
)
def test_resume_with_another_optimizer_or_painting_is_refused(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path, changes: dict[str, Any], says: str
) -> None:
    trainer = make_trainer(RECIPE, tmp_path / "run", painting, photo_folder, loss_weights)
    style = dataclasses.replace(RECIPE.styles[0], image=changes.pop("image", RECIPE.styles[0].image))
    begun = dataclasses.replace(RECIPE, styles=(style,), **changes)
    (tmp_path / "run").mkdir()
    save_checkpoint({"recipe": begun.to_table()}, tmp_path / "run")
    with pytest.raises(UsageError, match=says):
        trainer.resume()


def test_resume_with_other_losses_takes_no_step_for_a_divergence(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path
) -> None:
    assert make_trainer(RECIPE, tmp_path / "run", painting, photo_folder, loss_weights).run()
    louder = dataclasses.replace(RECIPE, style_weight=1e4 * RECIPE.style_weight, steps=RECIPE.steps + 2)
    trainer = make_trainer(louder, tmp_path / "run", painting, photo_folder, loss_weights)
    trainer.resume()
    assert trainer.run()
    assert trainer.steps.rate_scale == 1.0


def test_a_step_that_is_not_finite_is_skipped_and_the_rate_halved(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(RECIPE, tmp_path / "run", painting, photo_folder, loss_weights)
    batches = iter(trainer.photos)
    good = next(batches)
    assert isinstance(good, torch.Tensor)
    trainer.photos = [good, good * float("nan"), good]
    before = [p.clone() for p in trainer.network.parameters()]
    trainer.run()
    assert trainer.steps.rate_scale == 0.5
    assert "learning rate halved" in caplog.text
    assert all(torch.isfinite(p).all() for p in trainer.network.parameters())
    assert any(not torch.equal(p, q) for p, q in zip(before, trainer.network.parameters(), strict=True))


def test_lasting_divergence_ends_the_run(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> None:
    trainer = make_trainer(dataclasses.replace(RECIPE, steps=100), tmp_path / "run", painting, photo_folder, loss_weights)
    trainer.photos = [torch.full((2, 3, 64, 64), float("nan"))] * 100
    with pytest.raises(TrainingError, match="not finite"):
        trainer.run()


def test_no_room_for_a_checkpoint_is_said_and_the_old_one_kept(tmp_path: Path) -> None:
    save_checkpoint({"step": 1}, tmp_path)
    temporary_name(tmp_path / "checkpoint.pt").mkdir()  # stands where the new one would be written
    with pytest.raises(TrainingError, match="make room"):
        save_checkpoint({"step": 2}, tmp_path)
    assert load_checkpoint(tmp_path / CHECKPOINT)["step"] == 1


def test_learning_rate_warms_up_and_falls() -> None:
    factors = [learning_rate_factor(step, 100, 10) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == pytest.approx(1.0)
    assert factors[-1] < 0.02
    assert factors[10:] == sorted(factors[10:], reverse=True)


@pytest.mark.parametrize("full", [False, True], ids=["vector", "full"])
def test_new_style_from_a_painting(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path, full: bool) -> None:
    network = TransformerNet(TINY)
    tier = Recipe(net=TINY, styles=(StyleSource(name="base", image="b.jpg"),))
    export_tier(network, network.neutral_style()[None], tier, tmp_path, steps=1)
    frozen = StyleBank.load(folder=tmp_path).network.state_dict()
    out = tmp_path / "stripes.safetensors"
    result = fit_style(
        painting,
        out,
        list_pictures(photo_folder),
        name="stripes",
        recipe=dataclasses.replace(FIT_RECIPE, net=TINY, steps=4, batch_size=2, image_size=64, photo_scale=(64, 96)),
        full=full,
        weights=tmp_path,
        run_folder=tmp_path / "run",
        device=CPU,
        loss_weights=loss_weights,
    )
    assert result.finished
    assert 0 < result.style < 10
    bank = StyleBank.open(StyleMix.parse(str(out)), folder=tmp_path)
    same = all(torch.equal(frozen[key], value) for key, value in bank.network.state_dict().items())
    assert same is not full
    assert (load_style_file(out).network is not None) is full
    picture = np.full((32, 32, 3), 90, dtype=np.uint8)
    assert Stylizer(bank, str(out)).paint_one(picture).shape == picture.shape


def train_command(painting: Path, photo_folder: Path, loss_weights: Path, folder: Path, *more: str) -> list[str]:
    program = "import sys; from rtstyle.cli.main import main; sys.exit(main())"
    options = ["--content", str(photo_folder), "--loss-weights", str(loss_weights), "--out", str(folder / "s.safetensors")]
    shape = ["--run", str(folder / "run"), "--image-size", "64", "--batch-size", "1", "--device", "cpu"]
    return [sys.executable, "-c", program, "train", str(painting), *options, *shape, *more]


def test_interrupt_saves_and_says_how_to_go_on(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    command = train_command(painting, photo_folder, loss_weights, tmp_path, "--steps", "100000")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    timer = threading.Timer(100, process.kill)
    timer.start()
    try:
        log = tmp_path / "run" / LOG
        while process.poll() is None and not (log.exists() and len(log.read_text().splitlines()) > 3):
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    finally:
        timer.cancel()
        process.kill()
    assert process.returncode == 130, err
    assert "--resume goes on" in out
    assert (tmp_path / "run" / CHECKPOINT).exists()
    assert (tmp_path / "s.safetensors").exists()


def test_command_line_names_what_is_wrong(tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    program = "import sys; from rtstyle.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", str(painting), "--out", str(tmp_path / "s.safetensors")],
        capture_output=True, text=True, env=environment, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--content DIR" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("trained", ['trains = "all"', 'trains = "photo_term"\nstrength_share = 1'])
def test_data_parallel_training_through_torchrun(
    tmp_path: Path, painting: Path, photo_folder: Path, loss_weights: Path, repository: Path, trained: str
) -> None:
    first, second = (tmp_path / f"{name}.toml" for name in ("first", "second"))
    recipe = (
        "steps = 3\nbatch_size = 1\nimage_size = 64\nphoto_scale = [64, 96]\n"
        "[net]\nwidth = 2\nblocks = 0\ndeep_blocks = 1\n"
        f'[[styles]]\nname = "stripes"\nimage = "{painting.name}"\n'
    )
    first.write_text(recipe)
    second.write_text(f"{trained}\n{recipe}")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(repository / "train" / "collection.py"), str(first), str(second)]
    inputs = ["--paintings", str(painting.parent), "--content", str(photo_folder), "--loss-weights", str(loss_weights)]
    outputs = ["--out", str(tmp_path / "weights"), "--runs", str(tmp_path / "runs"), "--device", "cpu"]
    command = [*launch, *script, *inputs, *outputs]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repository)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert StyleBank.load(folder=tmp_path / "weights").names == ["stripes"]
