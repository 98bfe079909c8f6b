"""The table that describes a network: its parts, counted without making it and without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from segcore.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class NetworkPart:
    """One part of the network, for a table or a drawing.

    Attributes:
        part: `encoder`, `upsample`, `decoder` or `head`.
        level: 0 at full resolution, depth - 1 at the bottom.
        channels, height, width: shape of its output.
        parameters: trainable numbers in it.
        multiply_adds: multiplications with an addition for one image.
    """

    part: str
    level: int
    channels: int
    height: int
    width: int
    parameters: int
    multiply_adds: int


def describe(config: ModelConfig, *, height: int = 512, width: int = 512) -> list[NetworkPart]:
    """The network's parts in the order the data passes them, counted without making it.

    Args:
        config: of the network.
        height, width: of a slice, in pixels.
    """
    features = [config.width * 2**level for level in range(config.depth)]
    stride = 2 ** (config.depth - 1)
    sizes = [
        (-(-height // stride) * stride >> level, -(-width // stride) * stride >> level) for level in range(config.depth)
    ]

    def row(part: str, level: int, channels: int, weights: int, others: int, at: tuple[int, int]) -> NetworkPart:
        return NetworkPart(
            part=part,
            level=level,
            channels=channels,
            height=sizes[level][0],
            width=sizes[level][1],
            parameters=weights + others,
            multiply_adds=weights * at[0] * at[1],
        )

    def block(part: str, level: int, inputs: int) -> NetworkPart:
        outputs = features[level]
        # Each convolution has a bias, or a normalisation with a factor and an offset.
        others = 2 * outputs * (1 if config.normalisation == "none" else 2)
        return row(part, level, outputs, 9 * outputs * (inputs + outputs), others, sizes[level])

    rows = [block("encoder", level, features[level - 1] if level else 1) for level in range(config.depth)]
    for level in reversed(range(config.depth - 1)):
        below, here = features[level + 1], features[level]
        # Each pixel of the level below is multiplied with the whole kernel.
        rows.append(row("upsample", level, here, 4 * below * here, here, sizes[level + 1]))
        rows.append(block("decoder", level, 2 * here))
    rows.append(row("head", 0, 1, config.width, 1, sizes[0]))
    return rows
