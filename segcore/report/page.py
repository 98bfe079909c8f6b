"""A report as one HTML file: no script, no font, no picture from anywhere else; on a screen as on A4."""

from __future__ import annotations

import re
from html import escape

from segcore.report.compared import comparison_section
from segcore.report.contents import Contents
from segcore.report.curves import curves
from segcore.report.glossary import glossary
from segcore.report.headlines import headline_figures
from segcore.report.label_suspects import label_suspects
from segcore.report.notes import notes
from segcore.report.places import places_title, split_and_merge_cards
from segcore.report.repeating import how_to_repeat
from segcore.report.sentences import counted
from segcore.report.style import STYLE
from segcore.report.trained_on import trained_on
from segcore.report.wrong_pixels import wrong_pixels


def report_page(contents: Contents, conclusion: str) -> str:
    """The HTML of a report.

    Args:
        contents: what was gathered.
        conclusion: plain text; a paragraph's first sentence is set in bold.
    """
    sections = [
        _head(contents),
        notes(contents),
        f'<p class="verdict">{escape(contents.verdict[0])}</p><p>{escape(" ".join(contents.verdict[1:]))}</p>',
        ""
        if contents.comparison is None or not contents.comparison.unfair
        else f'<p class="note">{escape(contents.comparison.unfair)}</p>',
        _section("Headline figures", headline_figures(contents)),
        _section("Words", _words(contents)),
        _section("Trained on what, judged by what", trained_on(contents)),
        _section("Errors", wrong_pixels(contents)),
        _section("Over all settings", curves(contents)),
        _section(places_title(contents), split_and_merge_cards(contents)),
        _section("Are the labels right?", label_suspects(contents)),
        ""
        if contents.comparison is None
        else _section("Compared with another run", comparison_section(contents.comparison)),
        _section("Conclusion", _conclusion(conclusion)),
        _section("How to repeat it", how_to_repeat(contents)),
    ]
    title = f"{contents.run.name} on {contents.facts.get('dataset')}"
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n" + "\n".join(filter(None, sections))
    ) + "\n</body></html>\n"
    return re.sub(r"(?<=\d) %", "\u00a0%", page)  # so that no line begins with it


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>" if inside else ""


def _words(contents: Contents) -> str:
    outside = contents.run.info.outside
    return glossary(
        chosen=contents.run.info.operating_points is not None,
        given_segments=outside is not None and outside.kind == "segments",
    )


def _head(contents: Contents) -> str:
    info, number = contents.dataset, len(contents.evaluation.slices)
    about = str(contents.facts.get("dataset"))
    if info is not None:
        about = f"{info.title or info.name}, {info.height} x {info.width} pixels"
        if info.voxel_size_nm is not None:
            z, y, x = info.voxel_size_nm
            about += f" of {y:g} x {x:g} nm, {z:g} nm a slice"
    what = f"{counted(number, f'{contents.called} slice', f'{contents.called} slices')} of {about}"
    dates = f"measured {contents.measured} · report of {contents.made[:10]}"
    return (
        f"<header><h1>{escape(contents.run.name)}</h1><p>{escape(what)} · slices, x and y are counted from 0 · "
        f"{escape(dates)}</p></header>"
    )


def _conclusion(text: str) -> str:
    found = []
    for paragraph in text.split("\n\n"):
        first, dot, rest = paragraph.strip().partition(". ")
        if first:
            found.append(f"<p><strong>{escape(first)}{dot.strip()}</strong> {escape(rest)}</p>")
    return "".join(found)
