"""How a job looks in the sidebar: lines, bars and curves, as HTML, and their style."""

from __future__ import annotations

import html
from collections.abc import Sequence
from urllib.parse import quote

from segcore.jobs import Job

STYLE = """<style>
.sg-line{display:flex;justify-content:space-between;align-items:baseline;gap:.6em;font-size:.875rem;line-height:1.45;
font-variant-numeric:tabular-nums}
.sg-line>:first-child{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
.sg-line>:last-child:not(:first-child){white-space:nowrap;opacity:.75}
.sg-quiet{font-size:.8rem;line-height:1.45;opacity:.85;font-variant-numeric:tabular-nums}
.sg-reason{font-size:.8rem;line-height:1.4;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:4;
-webkit-box-orient:vertical;overflow:hidden}
.sg-bar{height:5px;border-radius:3px;background:rgba(128,128,128,.25);overflow:hidden;margin:4px 0}
.sg-bar>span{display:block;height:100%;background:#2E8BCB;border-radius:3px;transition:width .6s}
.sg-spark{display:block;width:100%;height:26px;margin-top:2px}
.st-key-jobs [data-testid="stHtml"]{min-width:0}
.st-key-jobs [class*="st-key-over-"]{border-top:1px solid rgba(128,128,128,.25);padding-top:.35rem}
.st-key-jobs [data-testid="stTooltipHoverTarget"]{display:flex}
.st-key-jobs :is([class*="st-key-up-"],[class*="st-key-remove-"]) [data-testid="stMarkdownContainer"]{
position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.st-key-jobs [data-testid="stBaseButton-tertiary"],.st-key-jobs [data-testid="stPopoverButton"]{min-height:0;
padding:1px 0;font-size:.8rem}
.st-key-jobs [data-testid="stBaseButton-tertiary"] p,.st-key-jobs [data-testid="stPopoverButton"] p{font-size:.8rem}
@media (prefers-reduced-motion:reduce){.sg-bar>span{transition:none}}
</style>"""


def text(said: str) -> str:
    """What comes from files, safe in HTML."""
    return html.escape("".join(one if one.isprintable() else " " for one in said))


def line(left: str, right: str = "") -> str:
    """HTML at the left, which is cut where it is too long, and at the right, which is not."""
    return f'<div class="sg-line"><span>{left}</span>' + (f"<span>{right}</span></div>" if right else "</div>")


def name(job: Job, before: str = "") -> str:
    """The name of a job's run; bold if nothing stands before it."""
    run = text(job.run)
    return f'<span title="{run}">{before}{run}</span>' if before else f'<b title="{run}">{run}</b>'


def bar(share: float, doing: str) -> str:
    """How much is done, 0 to 1, and for screen readers what that is."""
    percent = round(100 * share)
    return (
        f'<div class="sg-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="{html.escape(doing)}"><span style="width:{100 * share:.1f}%"></span></div>'
    )


def sparkline(values: Sequence[float]) -> str:
    """The validation Dice by epoch, from its lowest to its highest value."""
    step = max(1, len(values) // 100)
    shown = [*values[:-1:step], values[-1]]
    low, high = min(shown), max(shown)
    places = [
        (100 * at / (len(shown) - 1), 22 - 20 * ((value - low) / (high - low) if high > low else 0.5))
        for at, value in enumerate(shown)
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 24" preserveAspectRatio="none">'
        f'<polyline points="{points}" fill="none" stroke="#E69F00" stroke-width="1.6" '
        'vector-effect="non-scaling-stroke" stroke-linejoin="round"/></svg>'
    )
    return (
        f'<img class="sg-spark" src="data:image/svg+xml,{quote(picture)}" '
        f'alt="Validation Dice by epoch, from {values[0]:.3f} to {values[-1]:.3f}">'
    )
