"""All slices of a dataset as small pictures with their measures, in any order."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

import streamlit as st

from dashboard import words
from dashboard.figures import PictureCard, picture_cards
from dashboard.state import Result, Selection, measures_at
from dashboard.viewer import open_layers
from dashboard.views.datasets.by_value import CardMeasure, known, range_choice
from dashboard.views.datasets.shown import DECIDED, MOST_CARDS, NO_VERDICTS, VerdictsOn, kept, tag_choice, verdicts_said
from dashboard.views.datasets.split import parts_of
from segcore.data import DatasetInfo
from segcore.evaluation import harm_by_slice
from segcore.measures import last_membrane_value
from segcore.reviews import Decision, Reviews, Verdict

_PICTURE_PX = 288


@dataclass(frozen=True, kw_only=True)
class SliceCard:
    """What is known of a slice; nan and empty where nothing is.

    Attributes:
        z: its index.
        name: empty where it only repeats the index.
        part: what the run used it for.
        membrane_percent: of what is labelled.
        note: that it is blank, ignored as a whole, or of one class only.
        wrong_percent: at the chosen threshold and tolerance.
        harm: of all its splits and merges.
        v_rand: of its segments.
        events: splits and merges.
        judged: what reviewers said of it, or of whatever place in it.
    """

    z: int
    name: str = ""
    part: str = ""
    membrane_percent: float = math.nan
    note: str = ""
    wrong_percent: float = math.nan
    harm: float = math.nan
    v_rand: float = math.nan
    events: int = 0
    judged: VerdictsOn = NO_VERDICTS

    @property
    def measured(self) -> bool:
        return not math.isnan(self.wrong_percent)


def _decided(one: SliceCard, *, decision: Decision) -> bool:
    return decision in one.judged.decisions


_MEASURES: dict[str, CardMeasure[SliceCard]] = {
    "number": CardMeasure(title="number", value=lambda one: one.z, first=""),
    "harm": CardMeasure(title="harm", value=lambda one: one.harm, digits=3),
    "wrong": CardMeasure(title="wrong pixels", value=lambda one: one.wrong_percent, unit=" %", digits=2),
    "v_rand": CardMeasure(title="V_Rand of segments", value=lambda one: one.v_rand, first="lowest", digits=3),
    "events": CardMeasure(
        title="splits and merges", value=lambda one: one.events if one.measured else math.nan
    ),
    "membrane": CardMeasure(title="share of membrane", value=lambda one: one.membrane_percent, unit=" %", digits=1),
}  # fmt: skip
_SHOWN: dict[str, tuple[str, Callable[[SliceCard], bool]]] = {
    "all": ("all slices", lambda one: True),
    "measured": ("those that were measured", lambda one: one.measured),
    "train": ("training slices", lambda one: one.part == "train"),
    "validation": ("validation slices", lambda one: one.part == "validation"),
    "test": ("test slices", lambda one: one.part == "test"),
    "judged": ("those with verdicts", lambda one: one.judged.number > 0),
    "open": ("measured, without a verdict", lambda one: one.measured and not one.judged.number),
    **{name: (text, partial(_decided, decision=decision)) for name, (text, decision) in DECIDED.items()},
    "noted": ("blank, of one class, or ignored", lambda one: bool(one.note)),
}


def slice_grid(selection: Selection, info: DatasetInfo, result: Result | None) -> None:
    """Draws the slices that are asked for, in the order that is asked for."""
    cards = slice_cards(selection, info, result)
    shown = [name for name, (_, fits) in _SHOWN.items() if any(map(fits, cards))]
    columns = st.container(key="two-grid-choices").columns(3)
    order = kept(columns[0], "Sorted by", "sort", known(_MEASURES, cards), lambda name: _MEASURES[name].order)
    which = kept(columns[1], "Shown", "show", shown, lambda name: _SHOWN[name][0])
    tag = tag_choice(columns[2], (one.judged for one in cards))
    within = range_choice(_MEASURES, cards)
    fitting = [one for one in cards if _SHOWN[which][1](one) and one.judged.has(tag) and within.has(one)]
    fitting.sort(key=lambda one: (*_MEASURES[order].key(one), one.z))
    about = f"{words.counted(len(fitting), 'slice', 'slices')} of {words.count(info.slices)}{within}"
    if len(fitting) > MOST_CARDS:
        about += f", of which the first {words.count(MOST_CARDS)} are drawn"
    if result is not None:
        forgiven = f", {words.forgiven(selection.tolerance)}" if selection.tolerance else ""
        about += (
            f". Wrong pixels of {words.plain(result.run.name)} at threshold {selection.threshold:.3f}{forgiven}: blue "
            "missed membrane, orange false membrane; a click opens a measured slice on the Errors page"
        )
    st.caption(f"{about}. A copied address opens the same grid.")
    picture_cards(_pictured(fitting[:MOST_CARDS], selection, info, result))


def slice_cards(selection: Selection, info: DatasetInfo, result: Result | None) -> list[SliceCard]:
    """One for each slice, in their order."""
    parts = parts_of(selection, info)
    cards = [
        SliceCard(
            z=z,
            name=words.slice_name(z, info.slice_names[z]),
            part=parts.get(z, ""),
            membrane_percent=info.membrane_percent[z]
            if info.labelled and z not in info.unlabelled_slices
            else math.nan,
            note=_note(info, z),
        )
        for z in range(info.slices)
    ]
    return cards if result is None else _measured(cards, selection, result)


def _measured(cards: list[SliceCard], selection: Selection, result: Result) -> list[SliceCard]:
    evaluation = result.evaluation
    wrong = measures_at(result, selection.threshold, selection.tolerance).each.wrong_percent
    harms, events = harm_by_slice(evaluation), Counter(evaluation.events.column("slice"))
    reviews = Reviews.of_evaluation(result.run.folder, result.facts)
    verdicts: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in reviews.latest():
        verdicts[verdict.place.slice].append(verdict)
    at = {z: place for place, z in enumerate(evaluation.slices)}
    return [
        replace(
            one,
            wrong_percent=float(wrong[at[one.z]]),
            harm=harms.get(one.z, 0.0),
            v_rand=evaluation.segments[at[one.z]].v_rand if evaluation.segments else math.nan,
            events=events[one.z],
            judged=VerdictsOn.of(verdicts[one.z]),
        )
        if one.z in at
        else one
        for one in cards
    ]


def _note(info: DatasetInfo, z: int) -> str:
    if z in info.unlabelled_slices:
        return "ignored as a whole"
    if z in info.one_class_slices:
        return "of one class only"
    return "" if info.slice_fingerprints[z] else "blank"


def _pictured(
    cards: list[SliceCard], selection: Selection, info: DatasetInfo, result: Result | None
) -> list[PictureCard]:
    run, part = (result.run.name, result.part) if result is not None else (None, "test")
    version = open_layers(info.name, run, part).version
    query = {
        "kind": "slice", "value": last_membrane_value(selection.threshold), "tolerance": selection.tolerance,
        "side": _PICTURE_PX, "version": version,
    }  # fmt: skip
    stack = f"/segcore/thumbnails/{info.name}/{run or '-'}/{part}"
    return [
        PictureCard(
            to=_link(one, selection, info, result),
            picture=f"{stack}/{one.z}/0/0/{info.height}/{info.width}?{urlencode(query)}",
            height=info.height,
            width=info.width,
            alt=f"slice {one.z}",
            title=_title(one),
            text=_said(one),
        )
        for one in cards
    ]


def _link(one: SliceCard, selection: Selection, info: DatasetInfo, result: Result | None) -> str:
    address = {"dataset": info.name, "slice": one.z}
    if selection.run is not None:
        address["run"] = selection.run.name
    if result is None or not one.measured:
        return f"data?{urlencode(address | {'section': 'slices'})}"
    more = {"part": result.part, "threshold": f"{selection.threshold:.3f}", "tolerance": selection.tolerance}
    return f"errors?{urlencode(address | more)}"


def _title(one: SliceCard) -> str:
    return " · ".join(filter(None, [str(one.z), one.name, words.PARTS.get(one.part, "")]))


def _said(one: SliceCard) -> str:
    said = []
    if one.measured:
        said.append(f"{words.percent(one.wrong_percent)} wrong")
        said.append(f"harm {words.decimal(one.harm)}" if one.events else "no split or merge")
        if not math.isnan(one.v_rand):
            said.append(f"V_Rand {words.decimal(one.v_rand)}")
    if not math.isnan(one.membrane_percent):
        said.append(f"{words.percent(one.membrane_percent, 1)} membrane")
    if one.note:
        said.append(one.note)
    said += verdicts_said(one.judged)
    return ", ".join(said)
