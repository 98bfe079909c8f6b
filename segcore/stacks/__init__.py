"""Image stacks of any format, read and written a slice at a time.

In: paths of images, folders and stacks. Out: `StackReader`s, memory maps, and files written whole.
Knows nothing of datasets. May use no other room."""

from segcore.stacks.axes import Axes, reordered, slices_seem_last
from segcore.stacks.channels import Channel
from segcore.stacks.eight_bits import FEW_LEVELS, Tissue, intensity_range, tissue_of, to_uint8
from segcore.stacks.formats import (
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    image_files,
    is_container,
    is_read,
    open_pictures,
    open_stack,
    picture_names,
)
from segcore.stacks.joined import open_joined
from segcore.stacks.label import IGNORE, INTERIOR, MEMBRANE, Truth, only_rows
from segcore.stacks.mapping import map_stack, stored_page
from segcore.stacks.npz import MAX_UNPACKED_BYTES
from segcore.stacks.numbering import channels_in, in_number_order, missing_numbers, paired_by_stem, unpaired
from segcore.stacks.padding import fill_padding, padding_of, without_padding
from segcore.stacks.pairs import Numbers, Stack, each_slice, paired
from segcore.stacks.reduction import (
    HOW,
    LEVEL,
    REDUCED,
    How,
    Plane,
    extremes,
    is_kept_reduced,
    reduced,
    reduced_shape,
    reduced_stacks,
    write_reduced_prediction,
)
from segcore.stacks.stack import Page, StackReader, Volume, VoxelSize, array_stack, page_names
from segcore.stacks.volumes import HOLDS_SEVERAL, VOLUME_SUFFIXES, file_of, inside_of
from segcore.stacks.writing import StackWriter
from segcore.stacks.writing_png import PngWriter
from segcore.stacks.writing_zarr import ZarrWriter

__all__ = [
    "FEW_LEVELS",
    "HOLDS_SEVERAL",
    "HOW",
    "IGNORE",
    "IMAGE_SUFFIXES",
    "INTERIOR",
    "LEVEL",
    "MAX_UNPACKED_BYTES",
    "MEMBRANE",
    "REDUCED",
    "TIFF_SUFFIXES",
    "VOLUME_SUFFIXES",
    "Axes",
    "Channel",
    "How",
    "Numbers",
    "Page",
    "Plane",
    "PngWriter",
    "Stack",
    "StackReader",
    "StackWriter",
    "Tissue",
    "Truth",
    "Volume",
    "VoxelSize",
    "ZarrWriter",
    "array_stack",
    "channels_in",
    "each_slice",
    "extremes",
    "file_of",
    "fill_padding",
    "image_files",
    "in_number_order",
    "inside_of",
    "intensity_range",
    "is_container",
    "is_kept_reduced",
    "is_read",
    "map_stack",
    "missing_numbers",
    "only_rows",
    "open_joined",
    "open_pictures",
    "open_stack",
    "padding_of",
    "page_names",
    "paired",
    "paired_by_stem",
    "picture_names",
    "reduced",
    "reduced_shape",
    "reduced_stacks",
    "reordered",
    "slices_seem_last",
    "stored_page",
    "tissue_of",
    "to_uint8",
    "unpaired",
    "without_padding",
    "write_reduced_prediction",
]
