"""The viewer: slices on a canvas, fed with raw tiles by a route of the same server, and pictures of a training.

In: names of datasets and runs. Out: two components, `viewer` and `show_previews`; the `routes` that they ask, which
the app has to be started with; and what there is to show of a stack, tile by tile.
May use: words."""

from dashboard.viewer.addresses import routes
from dashboard.viewer.component import OtherRun, Place, SliceRow, ViewerResult, place_as_data, viewer
from dashboard.viewer.layers import EVALUATED_PARTS, open_layers
from dashboard.viewer.previews import show_previews
from dashboard.viewer.thumbnails import MOST_OPENINGS
from dashboard.viewer.tiles import tile
from dashboard.viewer.visiting import Uploaded, show_uploaded

__all__ = [
    "EVALUATED_PARTS",
    "MOST_OPENINGS",
    "OtherRun",
    "Place",
    "SliceRow",
    "Uploaded",
    "ViewerResult",
    "open_layers",
    "place_as_data",
    "routes",
    "show_previews",
    "show_uploaded",
    "tile",
    "viewer",
]
