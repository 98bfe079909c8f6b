"""The section of a report that says what was learned from, what it is judged by, and whether these are apart."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from segcore.report.contents import Contents
from segcore.report.sentences import counted, listed, slices_named, were
from segcore.report.tables import table
from segcore.runs import row_range, slice_ranges

_PROTOCOLS = {
    "blocks": "one contiguous block held out as test",
    "kfold": "contiguous folds, one of them held out",
    "bands": "bands of rows of every slice",
    "crossval": "every slice predicted by networks that never saw it",
    "notebook": "copies first, split at random afterwards, which leaks",
}


def trained_on(contents: Contents) -> str:
    """HTML: source of the images, network, split and leak audit."""
    run, info = contents.run, contents.dataset
    split = run.split
    said = []
    if info is not None:
        said.append(
            f"Source of the images, some of which this report shows: {info.source or 'not stated'}. Terms: "
            f"{info.terms or 'not stated, so ask before you publish its pictures'}."
        )
    if run.info.outside is None:
        if run.info.members:
            said.append(
                f"Each slice is predicted by those of the networks {listed(run.info.members)} that were not trained on "
                "it, by their mean where these are several."
            )
        else:
            said.append(
                f"A U-Net of {run.info.parameters:,} parameters, {counted(run.info.epochs, 'epoch', 'epochs')}."
            )
        said.append(f"Preset {run.config.preset}, trained on {run.info.device or 'an unknown device'}.")
        said.append(f"How slices were divided: {_PROTOCOLS.get(split.protocol, split.protocol)}.")
    rows = [
        (title, slice_ranges(indices) + (f", {rows}" if (rows := row_range(of)) else ""))
        for title, indices, of in (
            ("training", split.train, split.rows("train")),
            ("validation", split.validation, split.rows("validation")),
            ("left out" if run.info.outside is None else "not judged", split.gap, None),
            ("test" if run.info.outside is None else "judged", split.test, split.rows("test")),
        )
        if indices
    ]
    rows += [(f"training of {name}", slice_ranges(trained)) for name, trained in contents.members]
    of = "" if contents.facts.get("dataset") == run.info.dataset else f" of {run.info.dataset}"
    return (
        "".join(f"<p>{escape(one)}</p>" for one in said)
        + table(("part", f"slices{of}, counted from 0"), rows, words=True)
        + f"<p>{escape(' '.join(_leak_audit(contents)))}</p>"
    )


def _leak_audit(contents: Contents) -> Iterator[str]:
    """Sentences about the slices that are judged here, which can be others than the run keeps for a test."""
    facts, number = contents.facts, len(contents.evaluation.slices)
    seen = facts.get("trained_on") or ()
    if facts.get("leaks"):
        yield f"Leak audit: {slices_named(seen)} {were(seen)} trained on, and judged here."
    elif facts.get("leaks") is None:
        yield "Leak audit: unknown, as nobody said what was trained on."
    else:
        yield (
            "Leak audit: no slice was predicted by a network that was trained on it, or on a copy of it."
            if contents.run.info.members
            else "Leak audit: no judged slice, and no copy of one, was trained on."
        )
        in_split = contents.run.audit_split().trained_on
        if in_split:
            yield f"In the run's own split, though, {slices_named(in_split)} {were(in_split)} trained on and judged."
    if facts.get("gap_px") is not None:
        yield f"Other rows of the same slices were: the nearest lie {facts['gap_px']} rows away."
    within = facts.get("within_1_2_3_slices_of_trained") or (0, 0, 0)
    if any(within):
        one, two, three = within
        judged = "the judged slice" if number == 1 else f"the {number} judged slices"
        yield (
            f"Neighbours look alike: of {judged}, {one} {'lies' if one == 1 else 'lie'} within 1 slice of a trained "
            f"one, {two} within 2 and {three} within 3."
        )
