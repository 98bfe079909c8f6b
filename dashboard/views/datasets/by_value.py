"""What cards of a grid are sorted and chosen by: a value of each, and the least and the most of it that is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import streamlit as st

from dashboard.views.datasets.shown import kept

Card = TypeVar("Card")

WHATEVER = ""
"""No measure is asked for."""


@dataclass(frozen=True, kw_only=True)
class CardMeasure(Generic[Card]):
    """A number that each card has.

    Attributes:
        title: as it stands in a list.
        value: of a card; nan where it was not measured.
        first: which of them come first when they are sorted; empty for the order of numbers.
        unit: behind a value.
        digits: behind the point.
    """

    title: str
    value: Callable[[Card], float]
    first: Literal["most", "largest", "lowest", ""] = "most"
    unit: str = ""
    digits: int = 0

    @property
    def order(self) -> str:
        return f"{self.title}, {self.first} first" if self.first else self.title

    def key(self, card: Card) -> tuple[bool, float]:
        """Sorts cards; those without a value are the last."""
        value = self.value(card)
        return math.isnan(value), -value if self.first in ("most", "largest") else value

    def said(self, value: float) -> str:
        return f"{value:,.{self.digits}f}{self.unit}"


@dataclass(frozen=True, kw_only=True)
class ValueRange(Generic[Card]):
    """Cards whose value of a measure is neither less than one number nor more than another; both None for all cards."""

    measure: CardMeasure[Card] | None = None
    least: float | None = None
    most: float | None = None

    def has(self, card: Card) -> bool:
        if self.measure is None or (self.least is None and self.most is None):
            return True
        # As it is shown, which is what somebody types. Nothing compares with nan: a card without a value is not shown.
        least, most = -math.inf if self.least is None else self.least, math.inf if self.most is None else self.most
        return least <= round(self.measure.value(card), self.measure.digits) <= most

    def __str__(self) -> str:
        """As it is said behind the number of cards; empty for all of them."""
        if self.measure is None:
            return ""
        ends = [
            f"{word} {self.measure.said(end)}" for word, end in (("at least", self.least), ("at most", self.most))
            if end is not None
        ]  # fmt: skip
        return f", {self.measure.title} {' and '.join(ends)}" if ends else ""


def known(measures: Mapping[str, CardMeasure[Card]], cards: Sequence[Card]) -> list[str]:
    """Names of those that any card has a value of."""
    return [name for name, one in measures.items() if not all(math.isnan(one.value(card)) for card in cards)]


def range_choice(measures: Mapping[str, CardMeasure[Card]], cards: Sequence[Card]) -> ValueRange[Card]:
    """A measure, with the least and the most that is shown of it; the address keeps all three."""
    columns = st.container(key="two-grid-ends").columns(3)
    name = kept(
        columns[0], "Filtered by", "by", [WHATEVER, *known(measures, cards)],
        lambda name: measures[name].title if name else "nothing", on_change=_forget_ends,
    )  # fmt: skip
    if name == WHATEVER:
        _forget_ends()
        for column, title in zip(columns[1:], _ENDS.values(), strict=True):
            # Its place, so that nothing moves when a measure is chosen.
            column.number_input(title, value=None, disabled=True, key=f"grid no {title}", placeholder="any")
        return ValueRange()
    measure = measures[name]
    values = [value for card in cards if not math.isnan(value := measure.value(card))]
    least = _end(columns[1], "least", measure, min(values))
    most = _end(columns[2], "most", measure, max(values))
    return ValueRange(measure=measure, least=least, most=most)


_ENDS = {"least": "At least", "most": "At most"}
"""Names in the address, and titles of the fields."""


def _end(
    place: st.delta_generator.DeltaGenerator, name: str, measure: CardMeasure[Card], outermost: float
) -> float | None:
    """What was typed, or stands in the address; None for no such limit."""
    linked, key = _number(st.query_params.get(name)), f"grid {name}"
    st.session_state.setdefault(key, linked)
    typed: float | None = place.number_input(
        f"{_ENDS[name]}{f', in{measure.unit}' if measure.unit else ''}", value=None, key=key, persist_state="session",
        step=10.0**-measure.digits, format=f"%.{measure.digits}f", placeholder=f"any; the {name} is "
        f"{measure.said(outermost)}", help="Both ends are shown, too. Empty: no such limit.",
    )  # fmt: skip
    if typed is None:
        st.query_params.pop(name, None)
    elif typed != linked:
        st.query_params[name] = f"{typed:.{measure.digits}f}"
    return typed


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _forget_ends() -> None:
    """Those of another measure mean nothing for this one."""
    for name in _ENDS:
        st.query_params.pop(name, None)
        st.session_state.pop(f"grid {name}", None)
