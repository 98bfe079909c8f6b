"""Small pictures with a few words, each of which leads somewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True, kw_only=True)
class PictureCard:
    """A picture and what it leads to.

    Attributes:
        to: the address, relative to that of a page.
        picture: its own address.
        height, width: of what it shows.
        alt: what it shows, for those who do not see it.
        title, text: below it.
    """

    to: str
    picture: str
    height: int
    width: int
    alt: str
    title: str
    text: str


def picture_cards(cards: Sequence[PictureCard]) -> None:
    """Draws them in rows as long as there is room for."""
    st.html(f'{_STYLE}<div class="sg-cards">{"".join(map(_drawn, cards))}</div>')


def _drawn(card: PictureCard) -> str:
    to, picture, alt, title, text = map(html.escape, (card.to, card.picture, card.alt, card.title, card.text))
    # Its place is kept until it is there.
    shape = f"aspect-ratio:auto {card.width}/{card.height}"
    return f'<a href="{to}"><img loading="lazy" alt="{alt}" src="{picture}" style="{shape}"><b>{title}</b>{text}</a>'


_STYLE = """<style>
.sg-cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(144px,1fr));gap:12px}
.sg-cards a{display:block;color:inherit;text-decoration:none;border:1px solid rgba(128,128,128,.35);border-radius:8px;
padding:6px;font-size:.8rem;line-height:1.35}
.sg-cards a:hover,.sg-cards a:focus-visible{border-color:currentcolor}
.sg-cards img{width:100%;display:block;border-radius:4px;background:rgba(128,128,128,.15)}
.sg-cards b{display:block;margin:.3em 0 .1em}
</style>"""
