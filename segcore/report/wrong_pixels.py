"""The section of a report about wrong pixels: how many, what they are part of, in which slices."""

from __future__ import annotations

import math
from html import escape

from segcore.evaluation import harm_by_slice
from segcore.measures import CLASSES, Confusion
from segcore.report.charts import BLUE, GREY, ORANGE, PURPLE, SKY, bar_chart, shares_bar
from segcore.report.contents import Contents

_PARTS = {
    "thin": ("membrane too thin at a boundary", SKY),
    "thick": ("membrane too thick at a boundary", "#E69F00"),
    "merge": ("opens a membrane (merge)", BLUE),
    "split": ("cuts a neurite (split)", ORANGE),
    "missed": ("neurite missed", "#8A3D00"),
    "invented": ("object invented", "#00405F"),
}


def wrong_pixels(contents: Contents) -> str:
    """HTML: the confusion matrix, shares of error parts, bars by slice, and a picture of the worst slice."""
    evaluation, threshold = contents.evaluation, contents.threshold
    pooled = evaluation.evidence.confusion(threshold).pooled()
    counts, percent = pooled.counts, pooled.percent()
    classes = [["right", "wrong-missed"], ["wrong-false", "right"]]
    body = "".join(
        f"<tr><th>labelled {name}</th>"
        + "".join(
            f'<td class="{classes[row][column]}">{percent[row, column]:.2f} %<br><small>{int(counts[row, column]):,} '
            "px</small></td>"
            for column in range(2)
        )
        + "</tr>"
        for row, name in enumerate(CLASSES)
    )
    columns = "".join(f"<th>predicted {name}</th>" for name in CLASSES)
    number = sum(evaluation.neurites)
    matrix = (
        f"<p>The slices have {number:,} neurites. {escape(_area(pooled))}</p>"
        f'<div class="wide"><table class="matrix"><thead><tr><th></th>{columns}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
        f"<p><small>Of all labelled pixels, at threshold {threshold:.3f}. Missed membrane (blue) risks merging "
        "neurites, false membrane (orange) splitting them.</small></p>"
    )
    name = next((name for name, value in evaluation.thresholds.items() if value == threshold), "")
    apart = ""
    if name in evaluation.error_parts:
        wrong = {part: int(pixels.sum()) for part, pixels in evaluation.error_parts[name].wrong().items()}
        apart = "<h3>Wrong pixels by what they are part of</h3>" + shares_bar(
            [(text, wrong[part], colour) for part, (text, colour) in _PARTS.items()]
        )
    picture = ""
    if contents.worst is not None:
        z, data = contents.worst
        picture = (
            f'<figure class="slice"><img src="{data}" alt="Slice {z} with its wrong pixels in colour">'
            f"<figcaption>Slice {z}{_why_worst(contents)}, at threshold {threshold:.3f}: missed membrane blue, false "
            "membrane orange.</figcaption></figure>"
        )
    harms = harm_by_slice(evaluation)
    by_slice = {z: harms.get(z, 0.0) for z in evaluation.slices}
    each = evaluation.evidence.confusion(threshold).wrong_percent.tolist()
    worst = max(by_slice, key=lambda z: by_slice[z]) if any(by_slice.values()) else None
    charts = (
        bar_chart("Harm of the splits and merges of each slice", by_slice, y_title="harm", colour=PURPLE, marked=worst)
        if len(evaluation.slices) > 1 and not any(map(math.isnan, by_slice.values()))
        else ""
    )
    if len(evaluation.slices) > 1:
        wrong_by_slice = dict(zip(evaluation.slices, each, strict=True))
        charts += bar_chart("Wrong pixels of each slice", wrong_by_slice, y_title="percent", colour=GREY, marked=worst)
    dark = f"<p><small>The dark bar is slice {worst}, in which splits and merges do most harm.</small></p>"
    return f'{matrix}{apart}<div class="pair">{charts}</div>{dark if charts and worst is not None else ""}{picture}'


def _area(pooled: Confusion) -> str:
    """How much smaller or larger interior comes out, as measures of areas would."""
    counts = pooled.counts
    (_, missed), (false, interior) = ((int(one) for one in row) for row in counts)
    labelled = false + interior
    if not labelled:
        return ""
    change = 100 * (missed - false) / labelled
    how = "larger" if change > 0 else "smaller"
    return f"Interior comes out {abs(change):.1f} % {how} in all than it is labelled."


def _why_worst(contents: Contents) -> str:
    harms = harm_by_slice(contents.evaluation)
    return ", in which splits and merges do most harm" if any(harms.values()) else ", the one with most wrong pixels"
