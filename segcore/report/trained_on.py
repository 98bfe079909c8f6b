"""The section of a report that says what was learned from, what it is judged by, and whether these are apart."""

from __future__ import annotations

from html import escape

from segcore.report.contents import Contents
from segcore.report.tables import table
from segcore.runs import row_range, slice_ranges

_PROTOCOLS = {
    "blocks": "one contiguous block held out as test",
    "kfold": "contiguous folds, one of them held out",
    "bands": "bands of rows of every slice",
    "crossval": "every slice predicted by networks that never saw it",
    "outside": "what another program predicted",
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
            f"{info.terms or 'not stated'}."
        )
    if run.info.outside is None:
        network = (
            f"Each slice is predicted by the network, of {', '.join(run.info.members)}, that had not seen it (by the "
            "mean of several, where several had not)"
            if run.info.members
            else f"A U-Net of {run.info.parameters:,} parameters, {run.info.epochs} epochs"
        )
        said.append(f"{network}, preset {run.config.preset}, trained on {run.info.device or 'an unknown device'}.")
    said.append(f"Split: {_PROTOCOLS.get(split.protocol, split.protocol)}.")
    rows = [
        (title, slice_ranges(indices) + (f", {rows}" if (rows := row_range(of)) else ""))
        for title, indices, of in (
            ("training", split.train, split.rows("train")),
            ("validation", split.validation, split.rows("validation")),
            ("left out", split.gap, None),
            ("test", split.test, split.rows("test")),
        )
        if indices
    ]
    rows += [(f"training of {name}", slice_ranges(trained)) for name, trained in contents.members]
    audit = run.audit_split()
    leak = (
        "unknown, as nobody said what was trained on"
        if audit.unknown
        else f"slices {slice_ranges(audit.trained_on)} were trained on and judged"
        if audit.leaks
        else "no judged slice, and no copy of one, was trained on"
    )
    return (
        "".join(f"<p>{escape(one)}</p>" for one in said)
        + table(("part", "slices, counted from 0"), rows, words=True)
        + f"<p>Leak audit: {escape(leak)}. {escape(audit.near_misses)}</p>"
    )
