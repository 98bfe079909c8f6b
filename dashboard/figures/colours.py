"""The colours of figures: Okabe and Ito's, which colour-blind people tell apart too.

The viewer in the browser has the same ones in `dashboard/viewer/js/colours.js`.
"""

from __future__ import annotations

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8A8F98"
SKY, VERMILION, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
MISSED, FALSE, FORGIVEN = BLUE, VERMILION, YELLOW
LABEL, PREDICTION = "#2AD1D9", PINK
NEURITES = "#7B61C4"
FIXED, BROKEN = GREEN, ORANGE
"""Of two runs that are compared: better in the second, and in the first."""
PART_COLOURS = {"train": BLUE, "validation": ORANGE, "gap": GREY, "test": PINK}
ERROR_PART_COLOURS = {
    "near": FORGIVEN, "thin": SKY, "thick": ORANGE, "merge": MISSED, "split": FALSE, "missed": "#8A3D00",
    "invented": "#00405F",
}  # fmt: skip
"""Missed membrane in blues, false membrane in reds, the lighter the less it matters."""
RUN_COLOURS = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY)


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of `#RRGGBB`, 0 to 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
