"""The table of the network's levels, against sums done by hand and networks that were made."""

import pytest

from segcore.config import ModelConfig
from segcore.network import UNet
from segcore.runs.parts import describe

NOTEBOOK = ModelConfig(width=32, depth=5, normalisation="none")


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_describe_by_hand():
    rows = {(row.part, row.level): row for row in describe(NOTEBOOK, height=512, width=512)}
    assert list(rows) == [
        *(("encoder", level) for level in range(5)),
        *((part, level) for level in (3, 2, 1, 0) for part in ("upsample", "decoder")),
        ("head", 0),
    ]
    shapes = {key: (row.channels, row.height, row.width) for key, row in rows.items()}
    assert shapes[("encoder", 0)] == (32, 512, 512)
    assert shapes[("encoder", 4)] == (512, 32, 32)
    assert shapes[("upsample", 3)] == shapes[("decoder", 3)] == (256, 64, 64)
    assert shapes[("head", 0)] == (1, 512, 512)
    assert rows[("encoder", 0)].multiply_adds == (9 * 32 + 9 * 32 * 32) * 512**2
    # Each of the 32 x 32 pixels is multiplied with 512 * 256 kernels of 2 x 2.
    assert rows[("upsample", 3)].multiply_adds == 512 * 256 * 4 * 32**2
    assert rows[("decoder", 3)].multiply_adds == (9 * 512 * 256 + 9 * 256 * 256) * 64**2
    assert rows[("head", 0)].multiply_adds == 32 * 512**2
    assert sum(row.parameters for row in rows.values()) == 7_759_521


@pytest.mark.parametrize("normalisation", ["none", "batch", "group"])
@pytest.mark.parametrize(("width", "depth"), [(1, 2), (12, 3), (16, 4)])
def test_describe_counts_what_is_there(width, depth, normalisation):
    config = ModelConfig(width=width, depth=depth, normalisation=normalisation, dropout=0.1)
    rows = describe(config, height=33, width=70)
    assert sum(row.parameters for row in rows) == parameters(UNet(config))
    assert len(rows) == depth + 2 * (depth - 1) + 1
