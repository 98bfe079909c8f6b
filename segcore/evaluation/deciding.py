"""What an evaluation says, in a few sentences for somebody who has to decide."""

from __future__ import annotations

import math

from segcore.evaluation.baselines import all_interior
from segcore.evaluation.measured import Evaluation, harm_by_slice, harm_of_first, how_made
from segcore.measures import mean_over_slices

_FIRST = 3


def verdict(evaluation: Evaluation, *, which: str, validation_dice: float = math.nan) -> tuple[str, ...]:
    """How well neurites are kept apart, where most is lost, which setting is for what, and how far it is from training.

    Every sentence states numbers that were measured; what is not known is left out.

    Args:
        evaluation: of the slices in question.
        which: what the slices are called, such as `test`.
        validation_dice: pooled Dice of interior at 0.5 on the slices that chose the epoch; nan where unknown.

    Returns:
        Sentences of plain text, the most important one first.
    """
    number = len(evaluation.slices)
    slices = f", mean over {number} {which} slices" if number > 1 else f" in {which} slice {evaluation.slices[0]}"
    said = [_kept_apart(evaluation, which, slices), _most_harm(evaluation), _settings(evaluation)]
    if not math.isnan(validation_dice):
        here = float(evaluation.evidence.confusion(0.5).pooled().dice("interior"))
        if not math.isnan(here):
            said.append(
                f"Dice of interior at threshold 0.5 is {here:.4f} here; it was {validation_dice:.4f} on the validation "
                "slices, which chose the epoch."
            )
    return tuple(one for one in said if one)


def _kept_apart(evaluation: Evaluation, which: str, slices: str) -> str:
    at = {name: mean_over_slices([one.v_rand for one in scores]) for name, scores in evaluation.points.items()}
    at = {name: value for name, value in at.items() if not math.isnan(value)}
    segments = mean_over_slices([one.v_rand for one in evaluation.segments]) if evaluation.segments else math.nan
    if math.isnan(segments) and not at:
        these = "slice has" if len(evaluation.slices) == 1 else "slices have"
        return f"V_Rand is not defined: the {which} {these} no neurites."
    thresholds = " and ".join(f"{value:.3f} at {_threshold(evaluation, name)}" for name, value in at.items())
    floor = all_interior(evaluation).v_rand
    scale = "1 is perfect" + ("" if math.isnan(floor) else f", {floor:.3f} is one segment for everything")
    masks = "the mask" if len(at) == 1 else "masks"
    if math.isnan(segments):
        return f"V_Rand of the prediction is {thresholds}{slices} ({scale})."
    return f"V_Rand of its segments is {segments:.3f}{slices} ({scale}); of {masks} it is {thresholds}."


def _threshold(evaluation: Evaluation, name: str) -> str:
    value = f"threshold {evaluation.thresholds[name]:.3f}"
    return value if name == "chosen" else f"the {name} {value}"  # a number that was given has no name


def _most_harm(evaluation: Evaluation) -> str:
    events = evaluation.events
    if not events:
        return "No neurite was split or merged."
    splits = events.column("kind").count("split")
    merges = len(events) - splits
    counted = f"{splits:,} {'split' if splits == 1 else 'splits'} and {merges:,} {'merge' if merges == 1 else 'merges'}"
    harms = harm_by_slice(evaluation)
    share = harm_of_first(evaluation, _FIRST)
    if math.isnan(share) or not harms:
        return f"The prediction has {counted}."
    worst = max(harms, key=lambda z: harms[z])
    every = sum(harms.values())
    part = f"{100 * harms[worst] / every:.0f}" if every > 0 else "0"
    alone = len(evaluation.slices) == 1
    if len(events) <= _FIRST:
        return f"The prediction has {counted}{'' if alone else f'; slice {worst} has {part} % of all harm'}."
    of_all = f"Of {counted} the worst {_FIRST} do {100 * share:.0f} % of all harm"
    return f"{of_all}." if alone else f"{of_all}; slice {worst} has {part} %, more than any other."


def _settings(evaluation: Evaluation) -> str:
    parts = []
    if evaluation.segment_points and _segments_are_better(evaluation):
        parts.append(f"segments ({how_made(evaluation)}) to outline and count neurites")
    empty = all_interior(evaluation).wrong_percent
    useless = False
    if "pixel" in evaluation.thresholds:
        wrong = evaluation.evidence.confusion(evaluation.thresholds["pixel"]).pooled()
        useless = int(wrong.wrong_pixels) > 0 and float(wrong.wrong_percent) >= empty
    if "pixel" in evaluation.thresholds and not useless:
        parts.append(
            f"{_threshold(evaluation, 'pixel')} to measure how much is membrane ({float(wrong.wrong_percent):.2f} % of "
            f"the pixels wrong, {int(wrong.wrong_pixels):,} px)"
        )
    if "topology" in evaluation.thresholds:
        parts.append(f"{_threshold(evaluation, 'topology')} for a mask that keeps neurites apart")
    said = f"Take {', '.join(parts[:-1])}{' and ' if len(parts) > 1 else ''}{parts[-1]}." if parts else ""
    if useless:
        # Nobody measures areas with that.
        said += f" By pixels it is no better than calling everything interior, of which {empty:.2f} % are wrong."
    return said.strip()


def _segments_are_better(evaluation: Evaluation) -> bool:
    """Whether segments keep neurites apart at least as well as any mask at a threshold."""
    segments = mean_over_slices([one.v_rand for one in evaluation.segments])
    masks = [mean_over_slices([one.v_rand for one in scores]) for scores in evaluation.points.values()]
    return not any(mask > segments for mask in masks)
