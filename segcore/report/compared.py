"""The section of a report that compares two runs, and what to conclude from it."""

from __future__ import annotations

from html import escape

from segcore.evaluation import BLOCK, MEASURES, Comparison, Side, how_made
from segcore.report.tables import table
from segcore.runs import slice_ranges


def comparison_section(found: Comparison) -> str:
    """HTML: whether it is fair, what each of the two is, and every measure that both have."""
    rows = []
    for row in found.differences():
        measure = MEASURES[row.measure]
        better = found.second.run if row.better else found.first.run
        rows.append(
            (
                measure.title,
                f"{row.first:.{measure.digits}f}{measure.unit}",
                f"{row.second:.{measure.digits}f}{measure.unit}",
                f"{row.by_slice.mean:+.{measure.digits}f}",
                row.slice_ends,
                row.block_ends,
                better if row.sure else "–",
            )
        )
    header = (
        "mean over slices", found.first.run, found.second.run, "difference", "95 %, by slice",
        f"95 %, by blocks of {BLOCK}", "better" if found.fair else "ahead here",
    )  # fmt: skip
    sides = "".join(f"<li>{escape(_about(side))}</li>" for side in (found.first, found.second))
    unfair = f'<p class="note"><strong>{escape(found.unfair)}</strong></p>' if found.unfair else ""
    one, other = escape(found.first.run), escape(found.second.run)
    return (
        f"{unfair}<ul>{sides}</ul><p>{escape(found.verdict())}</p><p>{found.counted} that both were measured on "
        f"({slice_ranges(found.slices)}). A difference is {other} less {one}, of percentages in percentage points, and "
        "of figures before they were rounded. One of the two is named where neither interval holds 0; a dash: not told "
        "apart.</p>" + table(header, rows)
    )


def which_of_two(found: Comparison) -> str:
    """What follows for whoever has to choose, in plain text."""
    one, other = found.first, found.second
    rows = {row.measure: row for row in found.differences()}
    row = next((rows[name] for name in ("v_rand", "v_rand_topology", "wrong_percent") if name in rows), None)
    knew = [side.run for side in (one, other) if set(side.trained_on) & set(found.slices)]
    if knew:
        if len(knew) == 2:
            return "Both learned from slices that they are compared on: nothing here says which to use on new images."
        unseen, learned = (other, one) if knew[0] == one.run else (one, other)
        if unseen.unknown:
            return (
                f"{learned.run} learned from slices that it is judged by, and nobody said which {unseen.run} was "
                "trained on: trust neither until both are measured on slices that they are known not to have seen."
            )
        return (
            f"Trust the figures of {unseen.run}, and not those of {learned.run}, which learned from slices that it is "
            f"judged by. So use {unseen.run}: whether {learned.run} is better is not known until both are measured on "
            "slices that neither has seen."
        )
    if row is None:
        return ""
    measure = MEASURES[row.measure]
    if row.blocks == 1:
        return f"So few slices do not say which of the two is better in {measure.title}: measure both on more."
    if not row.sure:
        return f"{one.run} and {other.run} are not told apart in {measure.title}: take either."
    better = other if row.better else one
    said = f"For a reconstruction take {better.run}, which is better in {measure.title} by more than chance"
    if better.unknown:
        return f"{said}, unless it was trained on these slices: nobody said on which."
    return f"{said}."


def _about(side: Side) -> str:
    """What is known of one of the two, in a line."""
    points = ", ".join(f"{name} {value:.3f}" for name, value in side.evaluation.thresholds.items())
    if side.evaluation.segments:
        points += f"; segments: {how_made(side.evaluation)}"
    own = [one.removeprefix(f"{side.run} ") for one in side.warnings]
    return (
        f"{side.run}: thresholds {points}" + (f"; {', '.join(own)}" if own else "; it saw none of these slices") + "."
    )
