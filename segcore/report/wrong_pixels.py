"""The section of a report about wrong pixels: how many, what they are part of, in which slices."""

from __future__ import annotations

import math
from html import escape

from segcore.evaluation import harm_by_slice
from segcore.measures import CLASSES, Confusion
from segcore.report.charts import BLUE, GREY, ORANGE, PURPLE, SKY, bar_chart, shares_bar
from segcore.report.contents import Contents
from segcore.report.pictured import WorstSlice
from segcore.report.sentences import counted

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
    there = "The slice has" if len(evaluation.slices) == 1 else "The slices have"
    matrix = (
        f"<p>{there} {counted(number, 'neurite', 'neurites')}. {escape(_area(pooled))}</p>"
        f'<div class="wide"><table class="matrix"><thead><tr><th></th>{columns}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
        f"<p><small>Of all labelled pixels, at threshold {threshold:.3f}. Missed membrane (blue) risks merging "
        "neurites, false membrane (orange) splitting them.</small></p>"
    )
    name = next((name for name, value in evaluation.thresholds.items() if value == threshold), "")
    apart = ""
    if name in evaluation.error_parts:
        wrong = {part: int(pixels.sum()) for part, pixels in evaluation.error_parts[name].wrong().items()}
        if bar := shares_bar([(text, wrong[part], colour) for part, (text, colour) in _PARTS.items()]):
            apart = f"<h3>Wrong pixels by what they are part of</h3>{bar}"
    return f"{matrix}{apart}{_by_slice(contents)}{_picture(contents)}"


def _by_slice(contents: Contents) -> str:
    """Bars of harm, where it was measured, and of wrong pixels; nothing for one slice alone."""
    evaluation, worst = contents.evaluation, contents.worst
    if len(evaluation.slices) == 1:
        return ""
    harms = harm_by_slice(evaluation)
    harm = {z: harms.get(z, 0.0) for z in evaluation.slices}
    wrong = evaluation.evidence.confusion(contents.threshold).wrong_percent.tolist()
    by_slice = dict(zip(evaluation.slices, wrong, strict=True))
    marked = worst.slice
    charts = (
        ""
        if any(map(math.isnan, harm.values()))
        else bar_chart(
            "Harm of the splits and merges of each slice", harm, y_title="harm", colour=PURPLE, marked=marked
        )
    ) + bar_chart("Wrong pixels of each slice", by_slice, y_title="percent", colour=GREY, marked=marked)
    dark = f"<p><small>The dark bar is slice {worst.slice}, {_why_worst(worst)}.</small></p>"
    return f'<div class="pair">{charts}</div>{dark}'


def _picture(contents: Contents) -> str:
    worst = contents.worst
    if not contents.worst_picture:
        return ""
    why = "" if len(contents.evaluation.slices) == 1 else f", {_why_worst(worst)}"
    return (
        f'<figure class="slice"><img src="{contents.worst_picture}" alt="Slice {worst.slice} with its wrong pixels in '
        f'colour"><figcaption>Slice {worst.slice}{why}, at threshold {contents.threshold:.3f}: missed membrane blue, '
        "false membrane orange.</figcaption></figure>"
    )


def _why_worst(worst: WorstSlice) -> str:
    return "in which splits and merges do most harm" if worst.by_harm else "the one with most wrong pixels"


def _area(pooled: Confusion) -> str:
    """How much smaller or larger interior comes out, as measures of areas would."""
    counts = pooled.counts
    (_, missed), (false, interior) = ((int(one) for one in row) for row in counts)
    labelled = false + interior
    if not labelled:
        return ""
    change = 100 * (missed - false) / labelled
    if round(abs(change), 1) == 0:
        return "Interior comes out as large in all as it is labelled."
    how = "larger" if change > 0 else "smaller"
    return f"Interior comes out {abs(change):.1f} % {how} in all than labelled."
