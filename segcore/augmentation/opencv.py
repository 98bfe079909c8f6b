"""OpenCV, loaded where it is needed: not for a list of runs, and not on a GPU."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def opencv() -> Any:
    """The module `cv2`, which is told to start no threads: images are dealt to threads here, each as a whole."""
    import cv2

    cv2.setNumThreads(1)
    return cv2
