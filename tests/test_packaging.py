"""The package as others meet it: the command, the wheel, the README's promises, the direction of imports."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import typer.main

import rtstyle
from rtstyle.cli.app import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
HEAVY = ("torch", "torchvision", "cv2", "av", "gradio", "numpy", "PIL", "matplotlib", "safetensors", "tqdm")
TEST_COMMAND = "pip install -e '.[test]' && pytest"
LAYERS = (
    ("errors",),
    ("frame", "config", "pixels"),
    ("nets", "perceptual"),
    ("styles",),
    ("engines",),
    ("stylizer",),
    ("sources", "sinks"),
    ("pipeline",),
    ("evaluate", "optimize", "training", "bench"),
    ("webui",),
    ("cli",),
)


def run_python(code: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True, timeout=100)


def test_help_imports_nothing_heavy() -> None:
    done = run_python(
        "import sys\n"
        "from rtstyle.cli.app import app\n"
        "app(['--help'], standalone_mode=False)\n"
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_is_documented(name: str, repository: Path) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.help.strip()
    undocumented = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    assert undocumented == []
    assert f"rtstyle {name}" in (repository / "README.md").read_text(encoding="utf-8")


def test_version_is_stated_once() -> None:
    assert importlib.metadata.version("rtstyle") == rtstyle.__version__
    assert (
        run_python("import sys; from rtstyle.cli.app import app; app(['--version'])").stdout.strip()
        == f"rtstyle {rtstyle.__version__}"
    )


def test_public_names_exist_and_are_few() -> None:
    assert len(set(rtstyle.__all__)) == len(rtstyle.__all__) <= 12
    assert [name for name in rtstyle.__all__ if not hasattr(rtstyle, name)] == []


def test_readme_commands_are_what_ci_runs(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    ci = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert f"\n{TEST_COMMAND}\n" in readme
    install, test = TEST_COMMAND.split(" && ")
    assert [
        line for line in ci.splitlines() if line.startswith("timeout ") and line.endswith(install.removeprefix("pip install "))
    ]
    assert [line for line in ci.splitlines() if line.startswith("timeout ") and line.split()[-1] == test]
    assert "rtstyle video demos/clip.mp4 out.mp4 --style wave" in readme
    assert (repository / "demos" / "clip.mp4").is_file()


@pytest.mark.parametrize("path", ["README.md", "demos/README.md", "train/README.md", "weights/README.md"])
def test_links_lead_somewhere(path: str, repository: Path) -> None:
    page = repository / path
    targets = [part.split(")")[0] for part in page.read_text(encoding="utf-8").split("](")[1:]]
    broken = [target for target in targets if "://" not in target and not (page.parent / target.split("#")[0]).exists()]
    assert broken == []


def imports_at_load(path: Path) -> set[str]:
    """First-level modules of rtstyle that a file imports when it is loaded (not inside functions, not for types only)."""
    names: set[str] = set()
    pending: list[ast.stmt] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rtstyle."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("rtstyle.")}
        elif isinstance(node, ast.Try | ast.With):
            pending += node.body
    return names


def test_imports_go_one_way() -> None:
    package = Path(rtstyle.__file__).parent
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    upward = [
        f"{path.relative_to(package)} imports {name}"
        for path in package.rglob("*.py")
        if (own := path.relative_to(package).parts[0].removesuffix(".py")) in level
        for name in imports_at_load(path)
        if level.get(name, -1) > level[own]
    ]
    assert upward == []


def test_no_two_parts_import_each_other() -> None:
    """Not by way of others either, and not inside functions."""
    package = Path(rtstyle.__file__).parent
    imported: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rtstyle."):
                imported.setdefault(own, set()).add((node.module or "").split(".")[1])
    for own, others in imported.items():
        others.discard(own)
    assert len(list(graphlib.TopologicalSorter(imported).static_order())) > 30


def test_the_gpu_s_tests_are_found_without_av_gradio_and_an_install(repository: Path) -> None:
    command = "RTSTYLE_REQUIRE_GPU=1 pytest -m gpu -s"
    assert command in (repository / "README.md").read_text(encoding="utf-8")
    done = run_python(
        "import os, sys\n"
        "from pathlib import Path\n"
        "import pytest\n"
        "os.environ['RTSTYLE_REQUIRE_GPU'] = '1'\n"
        "sys.modules.update(dict.fromkeys(('av', 'gradio')))\n"
        "sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path.cwd()]\n"
        "sys.exit(pytest.main([*sys.argv[1:], '--collect-only', '-p', 'no:cacheprovider']))",
        *command.split()[2:],
        cwd=repository,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_targets_are_printed" in done.stdout
    assert "only test_gpu.py and test_kernels.py, without av and gradio" in done.stdout


def test_training_imports_without_av_cv2_and_gradio() -> None:
    done = run_python(
        "import importlib, pkgutil, sys\n"
        "sys.modules.update(dict.fromkeys(('av', 'cv2', 'gradio')))\n"
        "import rtstyle.training\n"
        "for part in pkgutil.iter_modules(rtstyle.training.__path__):\n"
        "    importlib.import_module(f'rtstyle.training.{part.name}')\n"
    )
    assert done.returncode == 0, done.stderr


def test_film_is_painted_without_cv2_and_gradio(tmp_path: Path) -> None:
    """OpenCV's wheel needs system libraries; only the window may depend on them."""
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in (40, 120, 200):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    done = run_python(
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('cv2', 'gradio')))\n"
        "sys.argv[0] = 'rtstyle'\n"
        "from rtstyle.cli.main import main\n"
        "main()\n",
        *("video", str(clip), str(out), "--style", "wave", "--tier", "live", "--device", "cpu"),
    )
    assert done.returncode == 0, done.stderr
    with av.open(str(out)) as container:
        assert len(list(container.decode(video=0))) == 3


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True, timeout=100)
    return next(folder.glob("*.whl"))


def test_wheel_carries_package_and_weights(wheel: Path, repository: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    weights = {f"rtstyle/{path.relative_to(repository)}" for path in (repository / "weights").rglob("*") if path.is_file()}
    assert weights
    assert weights <= names
    assert {"rtstyle/py.typed", "rtstyle/cli/main.py"} <= names
    assert {name.split("/")[0] for name in names} == {"rtstyle", f"rtstyle-{rtstyle.__version__}.dist-info"}


def test_weights_are_found_in_wheel_and_checkout(wheel: Path, repository: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    for root, expected in ((tmp_path, tmp_path / "rtstyle" / "weights"), (repository, repository / "weights")):
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); from rtstyle.weightfiles import weights_folder; print(weights_folder())"
        )
        done = run_python(code, str(root), cwd=tmp_path.parent)
        assert done.stdout.strip() == str(expected), done.stderr
