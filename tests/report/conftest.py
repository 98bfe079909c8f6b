"""An evaluated run, and predictions of others with errors at known places."""

import html
import re

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from segcore.evaluation import evaluate, score_outside


@pytest.fixture
def evaluated(mid_grey_run, cells):
    """The run set by hand, measured on its test slices 8 to 11."""
    evaluate(mid_grey_run, cells, device="cpu")
    return mid_grey_run


@pytest.fixture
def scored(cells, models_dir, tmp_path):
    """Keeps the labels of `cells`, changed by a function, as what another program predicted: masks, or numbered."""

    def made(name, change=lambda mask: None, *, slices=None, trained_on=(), numbered=False):
        mask = np.stack([cells.label(z) for z in range(12)])
        change(mask)
        pages = mask if slices is None else mask[list(slices)]
        if numbered:
            pages = np.stack([ndimage.label(page)[0] for page in pages]).astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}.tif", pages, photometric="minisblack")
        kind = "segments" if numbered else "mask"
        return score_outside(
            name, tmp_path / f"{name}.tif", cells, kind=kind, polarity="auto" if numbered else "interior-white",
            slices=slices, trained_on=trained_on,
        ).run  # fmt: skip

    return made


def text_of(page: str) -> str:
    """What a reader sees of a page, without pictures."""
    return " ".join(html.unescape(re.sub(r"(?s)<style>.*?</style>|<[^>]+>", " ", page)).split())


@pytest.fixture(scope="session")
def read_aloud():
    return text_of
