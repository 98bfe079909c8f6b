"""What README, ARCHITECTURE and CONTRIBUTING say is so: the example runs, and the files they name are there."""

from __future__ import annotations

import re
import shutil
from typing import Any

import numpy as np
import pytest
import tifffile
from waiting import REPOSITORY

from segcore.measures import score_segments, thin, true_neurites

PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
# Folders that a user's work makes.
MADE = re.compile(r"(data|models|evaluation|checkpoint|tensorboard|train|label|test|out)/")
SUFFIXES = "py|md|toml|txt|js|css|cff|yaml|yml|html|jsonc"


def named_files(text: str) -> set[str]:
    """Every `path/file.py`, `FILE.md` and `room/` between backticks, but for folders that a user's work makes."""
    quoted = re.findall(r"`([^`\s]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return {one for one in quoted if re.fullmatch(rf"[\w./-]+(/|\.({SUFFIXES}))", one) and not MADE.match(one)}


def test_named_files_are_found_in_a_text():
    text = "See `a/b.py`, `c/` and `D.md`; not `data/`, `models/slurm.toml`, `a.b`, `x/y` or\n```sh\ncat `e.py`\n```\n"
    assert named_files(text) == {"a/b.py", "c/", "D.md"}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    named = named_files((REPOSITORY / page).read_text(encoding="utf-8"))
    assert len(named) > 5
    assert not {name for name in named if not (REPOSITORY / name).exists()}


def test_links_lead_somewhere():
    for page in PAGES:
        links = re.findall(r"\]\(([^)#]+)\)", (REPOSITORY / page).read_text(encoding="utf-8"))
        assert not {link for link in links if "://" not in link and not (REPOSITORY / link).exists()}, page


def test_the_example_runs_as_it_stands(cells, cell_stack, mid_grey_run, tmp_path, monkeypatch, capsys):
    block = re.search(
        r"<!-- python example -->\s*```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL
    )
    images, labels = cell_stack
    tifffile.imwrite(tmp_path / "stack.tif", images)
    tifffile.imwrite(tmp_path / "masks.tif", labels)
    shutil.copytree(mid_grey_run.folder, mid_grey_run.folder.with_name("isbi2012-standard"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block[1], names)
    # The run calls interior what is brighter than 127; its topology threshold of 0.75 asks for a logit of ln 3.
    wrong = 100 * np.mean((images > 127) != (labels > 0))
    brighter = images > 255 * (10 + np.log(3)) / 20
    v_rand = [
        score_segments(true_neurites(label > 0), thin(slice_)).v_rand
        for label, slice_ in zip(labels, brighter, strict=True)
    ]
    for opened in ("stack", "labels"):
        names[opened].close()
    said = re.findall(r"\d+\.\d+", capsys.readouterr().out)
    assert [float(one) for one in said] == pytest.approx([wrong, *v_rand], abs=1e-3)
