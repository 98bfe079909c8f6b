"""Figures: charts, tables and pictures of what was measured.

In: numbers and arrays that segcore has computed. Out: Plotly figures, HTML, pictures and files of them.
Plotly is imported when the first chart is drawn. May use: words."""

from dashboard.figures.along_stack import grey_chart, slice_chart, split_chart
from dashboard.figures.by_epoch import learning_curves
from dashboard.figures.by_setting import ScoreCurve, setting_chart
from dashboard.figures.by_threshold import (
    THRESHOLDS,
    calibration_chart,
    neurites_chart,
    precision_recall_chart,
    threshold_chart,
)
from dashboard.figures.cards import PictureCard, picture_cards
from dashboard.figures.colours import BLUE, BROKEN, FIXED, GREEN, GREY, PART_COLOURS, VERMILION
from dashboard.figures.confusion_table import confusion_tables
from dashboard.figures.error_parts import error_parts_chart
from dashboard.figures.layout import error_legend, show_chart, swatches
from dashboard.figures.network import network_chart
from dashboard.figures.pictures import (
    coarse_error_overlay,
    error_overlay,
    mask_picture,
    membrane_overlay,
    notebook_pictures,
    picture_file,
    segments_picture,
    side_by_side,
    small_picture,
)
from dashboard.figures.zoom import keep_zoom, watch_zoom

__all__ = [
    "BLUE",
    "BROKEN",
    "FIXED",
    "GREEN",
    "GREY",
    "PART_COLOURS",
    "THRESHOLDS",
    "VERMILION",
    "PictureCard",
    "ScoreCurve",
    "calibration_chart",
    "coarse_error_overlay",
    "confusion_tables",
    "error_legend",
    "error_overlay",
    "error_parts_chart",
    "grey_chart",
    "keep_zoom",
    "learning_curves",
    "mask_picture",
    "membrane_overlay",
    "network_chart",
    "neurites_chart",
    "notebook_pictures",
    "picture_cards",
    "picture_file",
    "precision_recall_chart",
    "segments_picture",
    "setting_chart",
    "show_chart",
    "side_by_side",
    "slice_chart",
    "small_picture",
    "split_chart",
    "swatches",
    "threshold_chart",
    "watch_zoom",
]
