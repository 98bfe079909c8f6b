"""The house stands as it is drawn: imports run one way, past no face, and nothing heavy is loaded too early."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from waiting import REPOSITORY

HEAVY = {"torch", "lightning_fabric", "tensorboard", "submitit"}
# Rooms that a list of runs, a queue of jobs or a page of the app needs; they must not wait for PyTorch.
LIGHT = ("stacks", "measures", "data", "runs", "evaluation", "jobs", "cli")

PACKAGES = ("segcore", "dashboard")
ROOMS = {f"{one}.{face.parent.name}" for one in PACKAGES for face in (REPOSITORY / one).glob("*/__init__.py")}
FILES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))


def test_imports_run_one_way_and_past_no_face():
    # In a process of its own, for it silences the logs of the one it runs in.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_imports_are_absolute_and_names_say_something(path):
    relative = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative, "a relative import hides where it comes from"
    assert not {"utils", "util", "helpers", "common", "misc"} & set(path.relative_to(REPOSITORY).with_suffix("").parts)


def test_tests_and_benchmarks_import_past_no_face_but_that_of_their_own_room():
    past = []
    for path in (*(REPOSITORY / "tests").rglob("*.py"), *(REPOSITORY / "benchmarks").rglob("*.py")):
        folders = path.relative_to(REPOSITORY).parts[1:-1]
        own = ".".join(folders if folders[:1] == ("dashboard",) else ("segcore", *folders))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            room = ".".join(module.split(".")[:2])
            if module != room and room in ROOMS and room != own:
                past.append(f"{path.relative_to(REPOSITORY)}, line {node.lineno}: {module}")
    assert not past


@pytest.mark.parametrize(
    "room", sorted(path.parent for path in FILES if path.name == "__init__.py" and path.parent.parent != REPOSITORY)
)
def test_a_room_says_what_comes_in_and_what_goes_out(room):
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    said = ast.get_docstring(tree) or ""
    assert "In:" in said, room
    assert "Out:" in said, room
    assert any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in tree.body), room


def brought_in(modules: list[str], watched: set[str]) -> list[str]:
    """Which watched packages a fresh Python has loaded after importing the modules one by one, and by whom."""
    code = f"""
import importlib, sys
for module in {modules!r}:
    importlib.import_module(module)
    if loaded := {watched!r} & set(sys.modules):
        sys.exit(f"{{module}} imports {{sorted(loaded)}}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stderr.splitlines()[-1:] if done.returncode else []


def test_what_is_brought_in_is_noticed():
    assert brought_in(["fractions", "xml.dom"], {"xml.dom"}) == ["xml.dom imports ['xml.dom']"]


def test_torch_waits_until_it_is_needed():
    assert brought_in([f"segcore.{room}" for room in LIGHT], HEAVY) == []


def test_the_command_line_starts_light():
    assert brought_in(["segcore.cli"], HEAVY | {"skimage", "pandas", "streamlit", "pydantic", "scipy"}) == []
