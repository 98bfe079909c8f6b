"""What a leak hides: the same network on slices it had seen and on others; a section of the Overview."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from dashboard import words
from dashboard.figures import error_legend, small_picture
from dashboard.state import (
    Result,
    broken_runs,
    error_picture,
    evaluated_parts,
    leak_audit,
    load_result,
    load_run,
    measures_at,
    names_of_runs,
)
from segcore.errors import SegcoreError
from segcore.runs import Run

_PROTOCOL = (
    "Its {copies} copies were made before they were divided into what is learned from and what judges. Turned, "
    "mirrored or noisy, a copy shows the same cells as its source, so the network is asked about what it has already "
    "seen. "
)


def leak_section(run: Run) -> None:
    """Both figures, and one slice as this network and one that never saw it predict it; nothing without a leak."""
    if not leak_audit(run).leaks:
        return
    seen, unseen = (_measured(run, part) for part in ("validation", "test"))
    if seen is None or unseen is None or not seen.leaks or unseen.leaks:
        return
    other = _honest(run, seen)
    st.subheader("What the leak hides")
    st.markdown(
        (_PROTOCOL.format(copies=words.count(len(run.split.pool))) if run.split.pool else "")
        + f"On the slices that it knew, **{words.percent(_wrong(seen))}** of the pixels are wrong; on slices that it "
        f"never saw, the very same weights have **{words.percent(_wrong(unseen))}** wrong. "
        + ("" if other is None else _on_the_same(seen, other))
        + "The first figure says how well it remembers, and nothing of a new image."
    )
    if other is not None:
        _side_by_side(run, seen, other)


def _on_the_same(seen: Result, other: Result) -> str:
    """Slices are not equally hard, so what a leak hides shows on the very same ones."""
    common = [z for z in seen.evaluation.slices if z in other.evaluation.slices]
    known, never = (_wrong(one, common) for one in (seen, other))
    name = words.plain(other.run.name)
    apart = f"{abs(never - known):.2f} points {'more' if never > known else 'less'}"
    return (
        f"Slices are not equally hard, so the fair comparison is on the very same ones: of the {len(common)} slices "
        f"that {name} predicted without having seen them, it has **{words.percent(never)}** wrong, where this network "
        f"has {words.percent(known)}: {apart}. "
    )


def _measured(run: Run, part: str) -> Result | None:
    with suppress(SegcoreError):
        return load_result(run, run.info.dataset, part)
    return None


def _threshold(result: Result) -> float:
    return result.points.get("pixel", next(iter(result.points.values())))


def _wrong(result: Result, slices: Sequence[int] | None = None) -> float:
    """Wrong pixels in percent, of all its slices or of some."""
    evidence = result.evaluation.evidence
    if slices is not None:
        evidence = evidence.subset([result.evaluation.slices.index(z) for z in slices])
    return float(evidence.confusion(_threshold(result)).pooled().wrong_percent)


def _side_by_side(run: Run, seen: Result, other: Result) -> None:
    """A slice as both predict it."""
    common = [z for z in seen.evaluation.slices if z in other.evaluation.slices]
    # The one in the middle is neither the best example nor the worst.
    by_wrong = sorted(common, key=lambda z: _of_slice(seen, z))
    z = by_wrong[len(by_wrong) // 2]
    for column, (result, said) in zip(
        st.container(key="two leak").columns(2),
        (
            (seen, f"{words.plain(run.name)}, which learned from copies of it"),
            (other, f"{words.plain(other.run.name)}, which never saw it"),
        ),
        strict=True,
    ):
        with column:
            st.markdown(f"**Slice {z}**, {said}: {words.percent(_of_slice(result, z))} wrong")
            try:
                shown = error_picture(result, z, _threshold(result), 0)
                st.image(small_picture(shown), width="stretch", alt=f"Slice {z}: wrong pixels in colour over the image")
            except SegcoreError as error:
                st.caption(f"No picture: {words.message(error)}")
    error_legend(forgiven=False)


def _honest(run: Run, seen: Result) -> Result | None:
    """What another run predicted of the most of these slices without having seen them."""
    broken = broken_runs()
    found: list[Result] = []
    for name in names_of_runs():
        if name == run.name or name in broken:
            continue
        other = load_run(name)
        for dataset, part in evaluated_parts(other):
            if dataset == seen.dataset and part == "test" and other.info.outside is None:
                with suppress(SegcoreError):
                    found.append(load_result(other, dataset, part))
    slices = {*seen.evaluation.slices}
    found = [one for one in found if not one.leaks and slices & {*one.evaluation.slices}]
    return max(found, key=lambda one: len(slices & {*one.evaluation.slices}), default=None)


def _of_slice(result: Result, z: int) -> float:
    each = measures_at(result, _threshold(result), 0).each
    return float(each.wrong_percent[result.evaluation.slices.index(z)])
