"""What is shown of a grid of pictures: choices that the address keeps, and verdicts to choose by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Self

import streamlit as st

from dashboard import words
from segcore.reviews import DECISIONS, Decision, Verdict

MOST_CARDS = 600
"""So many pictures are drawn at once."""
DECIDED: dict[str, tuple[str, Decision]] = {
    decision.replace(" ", "-"): (f"judged: {decision}", decision) for decision in DECISIONS
}
"""Choices by verdict: name in the address, text and decision."""
ANY_TAG = ""


@dataclass(frozen=True, kw_only=True)
class VerdictsOn:
    """What reviewers said of something.

    Attributes:
        number: of verdicts.
        decisions: all that are among them.
        tags: the words with a `#` in their notes.
    """

    number: int = 0
    decisions: frozenset[Decision] = frozenset()
    tags: frozenset[str] = frozenset()

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        every = tuple(verdicts)
        return cls(
            number=len(every),
            decisions=frozenset(one.decision for one in every),
            tags=frozenset(tag for one in every for tag in one.tags),
        )

    def has(self, tag: str) -> bool:
        """Whether it has a tag; `ANY_TAG` is had by all."""
        return tag in ("", *self.tags)


NO_VERDICTS = VerdictsOn()


def forget_choices() -> None:
    """The next grid is sorted and filtered in ways of its own."""
    for name in ("sort", "show", "tag", "by", "least", "most"):
        st.query_params.pop(name, None)
        st.session_state.pop(f"grid {name}", None)


def kept(
    place: st.delta_generator.DeltaGenerator, title: str, name: Literal["sort", "show", "tag", "by"], of: list[str],
    said: Callable[[str], str], *, about: str | None = None, on_change: Callable[[], None] | None = None,
) -> str:  # fmt: skip
    """A choice that stands in the address as well, under this name; the first one until something is chosen."""
    linked, key = st.query_params.get(name), f"grid {name}"
    if st.session_state.get(key) not in of:
        st.session_state[key] = linked if linked in of else of[0]
    chosen: str = place.selectbox(
        title, of, key=key, format_func=said, persist_state="session", help=about, on_change=on_change
    )
    if not chosen:
        st.query_params.pop(name, None)
    elif chosen != linked:
        st.query_params[name] = chosen
    return chosen


def tag_choice(place: st.delta_generator.DeltaGenerator, every: Iterable[VerdictsOn]) -> str:
    """One of the tags there are, or any."""
    tags = sorted({tag for one in every for tag in one.tags})
    return kept(
        place, "Tagged", "tag", [ANY_TAG, *tags], lambda tag: f"#{tag}" if tag else "with any tag or none",
        about="A word with # in the note of a verdict, such as #myelin, is a tag.",
    )  # fmt: skip


def verdicts_said(judged: VerdictsOn) -> list[str]:
    """What stands below a picture."""
    if not judged.number:
        return []
    return [words.counted(judged.number, "verdict", "verdicts"), *(f"#{tag}" for tag in sorted(judged.tags))]
