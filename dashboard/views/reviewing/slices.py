"""Whole slices, to be reviewed: those whose splits and merges do most harm first."""

from __future__ import annotations

import math

from dashboard import words
from dashboard.state import MeasuresAt, Result
from dashboard.viewer import Place
from dashboard.views.reviewing.items import Item
from segcore import reviews
from segcore.data import DatasetInfo
from segcore.evaluation import events_by_slice, harm_by_slice


def slice_items(result: Result, found: MeasuresAt, info: DatasetInfo) -> list[Item]:
    """All evaluated slices; where no harm is known, those with the most wrong pixels first.

    Args:
        result: the evaluation.
        found: its pixel measures at the threshold and tolerance that are chosen.
        info: of its dataset.
    """
    evaluation = result.evaluation
    harms = harm_by_slice(evaluation)
    counts = events_by_slice(evaluation)
    items = []
    for place, z in enumerate(evaluation.slices):
        wrong, percent = int(found.each.wrong_pixels[place]), float(found.each.wrong_percent[place])
        splits, merges = counts[z, "split"], counts[z, "merge"]
        harm = harms.get(z, 0.0) if evaluation.events else math.nan
        name = words.slice_name(z, evaluation.names[place])
        items.append(
            Item(
                id=f"slice-{z}",
                kind="slice",
                title=name or f"{splits + merges} events",
                said=f"Slice {z}: {words.percent(percent)} wrong ({words.count(wrong)} pixels), {splits} splits and "
                f"{merges} merges. Its harm is that of all of them, each counted as if it alone were undone.",
                harm=harm,
                size_px=wrong,
                place=Place(
                    number=place + 1,
                    slice=z,
                    y=info.height // 2,
                    x=info.width // 2,
                    area_px=info.height * info.width,
                    text=f"slice {z}",
                    stays=True,
                    box=(0, 0, info.height, info.width),
                    ringed=False,
                ),
                judged_at=reviews.Place(
                    kind="slice", slice=z, y=0, x=0, top=0, left=0, bottom=info.height, right=info.width
                ),
            )
        )
    return sorted(items, key=lambda item: (-item.harm if item.harm == item.harm else 0.0, -item.size_px))
