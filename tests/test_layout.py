"""Imports inside segcore run one way, and nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "segcore"

# A module imports only from layers before its own; modules of one layer know nothing of each other.
LAYERS = (
    {"__init__", "errors"},
    {"config", "storage", "watching", "opencv"},
    {"levels", "numbering", "stack", "locking", "slurm"},
    {"tiff", "transform"},
    {
        "volume", "mask_values", "polarity", "archive", "downloading", "synthetic", "splits", "warp", "unet",
        "losses", "evidence", "topology", "similarity", "notebook_confusion", "tensors", "event_file",
    },
    {"augment", "reduction"},
    {"datasets", "runs", "sampling"},
    {"work", "job", "detaching"},
    {"importing", "fetching", "exporting", "pool", "progress", "prediction", "checkpoint", "scoring", "live"},
    {"application", "learner", "evaluation_summary"},
    {"training_loop", "step_timing"},
    {"training", "evaluation_folder"},
    {"evaluation"},
    {"report", "jobs"},
    {"job_runner", "job_process", "timing"},
    {"slurm_runner"},
    {"commands"},
    {"job_commands"},
    {"cli"},
    {"__main__"},
)  # fmt: skip
LAYER = {module: number for number, layer in enumerate(LAYERS) for module in layer}
# What the command line needs to list and describe, and an app's page to open, must not wait for torch.
WITHOUT_TORCH = {
    "__init__", "errors", "config", "storage", "numbering", "stack", "tiff", "volume", "mask_values", "polarity",
    "archive", "downloading", "synthetic", "splits", "evidence", "topology", "similarity", "notebook_confusion",
    "datasets", "runs", "importing", "fetching", "exporting", "progress", "scoring", "evaluation_summary",
    "evaluation_folder", "commands", "cli", "levels", "locking", "live", "jobs", "watching",
    "work", "timing", "slurm", "job_runner", "slurm_runner",
    "transform", "opencv", "job", "detaching", "reduction",
}  # fmt: skip
HEAVY = {"torch", "lightning_fabric", "tensorboardX", "submitit"}

FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Dotted names of everything a module imports, at once or later."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}, line {node.lineno}: a relative import hides the order"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_modules(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("segcore.")} - {"__version__"}


def test_imports_are_found_wherever_they_are(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "import os, a.b\ndef f():\n    from segcore.runs.run import Run\n    from segcore import splits\n"
    )
    assert imported(module) == {"os", "a.b", "segcore.runs.run.Run", "segcore.runs.splits"}
    assert own_modules(imported(module)) == {"runs", "splits"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_has_its_layer(path):
    assert path.stem in LAYER, f"say in LAYERS where {path.name} stands"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_run_one_way(path):
    for other in own_modules(imported(path)):
        assert LAYER.get(other, 99) < LAYER[path.stem], f"{path.stem} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_package_knows_no_interface(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"streamlit", "dashboard", "plotly"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_catch_all_names(path):
    assert not {"utils", "util", "helpers", "common", "misc"} & set(path.relative_to(PACKAGE).with_suffix("").parts)


def brought_in(modules: list[str], watched: set[str]) -> list[str]:
    """Which watched packages a fresh Python has loaded after importing the modules one by one, and by whom."""
    code = f"""
import importlib, sys
for module in {modules!r}:
    importlib.import_module(module)
    if loaded := {watched!r} & set(sys.modules):
        sys.exit(f"{{module}} imports {{sorted(loaded)}}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()[-1:] if done.returncode else []


def test_what_is_brought_in_is_noticed():
    assert brought_in(["fractions", "xml.dom"], {"xml.dom"}) == ["xml.dom imports ['xml.dom']"]


def test_torch_waits_until_it_is_needed():
    there = sorted(path.stem for path in FILES if path.stem in WITHOUT_TORCH - {"__init__"})
    assert brought_in([f"segcore.{name}" for name in there], HEAVY) == []


@pytest.mark.skipif(not (PACKAGE / "cli.py").exists(), reason="there is no command line yet")
def test_the_command_line_starts_light():
    assert brought_in(["segcore.cli.grammar"], HEAVY | {"skimage", "pandas", "streamlit"}) == []
