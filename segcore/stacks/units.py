"""Units of length, by the names that image files give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from segcore.stacks.stack import VoxelSize

_NM = {
    "pm": 1e-3, "a": 0.1, "å": 0.1, "angstrom": 0.1, "nm": 1.0, "nanometer": 1.0, "nanometre": 1.0,
    "um": 1e3, "µm": 1e3, "μm": 1e3, "\\u00b5m": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3,
    "micrometre": 1e3, "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6, "cm": 1e7, "centimeter": 1e7, "m": 1e9,
    "meter": 1e9,
}  # fmt: skip


def nanometres(unit: object) -> float | None:
    """Nanometres in a unit of this name; None for one that is not known, or none."""
    return _NM.get(str(unit).strip('" ').lower())


def voxel_size(sides: Any, unit_nm: float | None = 1.0) -> VoxelSize | None:
    """(z, y, x) in nm of three numbers in a unit; None unless all are above 0 and the unit is known."""
    try:
        z, y, x = (float(side) * float(unit_nm or 0) for side in sides)
    except (TypeError, ValueError):
        return None
    if not (min(z, y, x) > 0 and np.isfinite([z, y, x]).all()):
        return None
    # Ratios of integers and single precision bring 4 nm back as 3.9999999.
    z, y, x = (float(f"{side:.6g}") for side in (z, y, x))
    return z, y, x
