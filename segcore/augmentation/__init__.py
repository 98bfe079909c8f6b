"""How copies of a slice are varied: a transform as a record, and applying it to images and labels alike.

In: batches of images and labels, and settings. Out: batches of the same kind, and the records to make them again.
Needs PyTorch. May use no other room."""

from segcore.augmentation.applying import AugmentedBatch, apply
from segcore.augmentation.transform import Transform, draw, support_px
from segcore.augmentation.warp import sent

__all__ = ["AugmentedBatch", "Transform", "apply", "draw", "sent", "support_px"]
