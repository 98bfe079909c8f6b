"""A place as a card: the image, the same with what is wrong, what is known of it, and what reviewers decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from segcore.report.pictured import Pictured


def card(place: Pictured, title: str, said: str, *, name: str) -> str:
    """HTML of one card; without pictures where the images are not here.

    Args:
        place: its pictures and verdicts.
        title: plain text, set in bold before what is said.
        said: plain text.
        name: of the place, for who cannot see the pictures.
    """
    pictures = ""
    if place.picture:
        pictures = (
            f'<div class="both"><img src="{place.plain}" alt="the image of {escape(name)}">'
            f'<img src="{place.picture}" alt="{escape(name)}"></div>'
        )
    verdicts = "".join(
        f"<p><strong>{escape(verdict.decision)}</strong>, {escape(verdict.reviewer)}"
        + (f": {escape(verdict.note)}" if verdict.note else "")
        + "</p>"
        for verdict in place.verdicts
    )
    return f"<article>{pictures}<p><strong>{escape(title)}</strong>{escape(said)}</p>{verdicts}</article>"


def grid(cards: Iterable[str]) -> str:
    """Cards beside each other, as many as fit."""
    return f'<div class="places">{"".join(cards)}</div>'


def judged_so_far(places: Sequence[Pictured]) -> str:
    """How many of the places were judged, as a sentence."""
    judged = sum(bool(one.verdicts) for one in places)
    if len(places) == 1:
        return "Reviewers have judged it." if judged else "Nobody has judged it yet."
    return f"Reviewers have judged {judged} of these {len(places)}." if judged else "Nobody has judged them yet."
