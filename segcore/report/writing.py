"""Writing a report, and its tables, for others."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from segcore.errors import ConfigError
from segcore.report.conclusion import draft_conclusion
from segcore.report.contents import Contents
from segcore.report.page import report_page
from segcore.reviews import Reviews
from segcore.storage import atomic_file

_TABLES = ("slices.csv", "events.csv", "neurites.csv")


def write_report(contents: Contents, path: Path, *, conclusion: str | None = None) -> Path:
    """Writes the HTML file, and beside it a zip of the same name with the tables: slices, events, reviews.

    Args:
        contents: what was gathered.
        path: of the HTML file, which replaces one that is there.
        conclusion: plain text in place of the draft.

    Returns:
        the zip file.

    Raises:
        ConfigError: the name has another ending than `.html`.
        StorageError: it cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError("a report is an HTML file", found=path.name, expected=f"{path.stem}.html")
    text = report_page(contents, draft_conclusion(contents) if conclusion is None else conclusion)
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    packed = path.with_suffix(".zip")
    with atomic_file(packed) as temporary:
        temporary.write_bytes(report_tables(contents))
    return packed


def report_tables(contents: Contents) -> bytes:
    """The tables of the evaluation and the verdicts on it, as the bytes of a zip file."""
    file = io.BytesIO()
    folder = contents.run.evaluation(str(contents.facts.get("dataset")), contents.part)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in _TABLES:
            if (folder / name).exists():
                packed.write(folder / name, name)
        reviews = Reviews.of_evaluation(contents.run.folder, contents.facts)
        packed.writestr("reviews.csv", reviews.csv_bytes())
    return file.getvalue()
