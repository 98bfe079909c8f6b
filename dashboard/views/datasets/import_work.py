"""An import under way, from a path or from an upload, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dashboard import scratch, uploads
from dashboard.background import Work
from segcore.data import Check, Preview, check_source, import_source
from segcore.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Importing:
    """An import under way, or what came of it.

    Attributes:
        form: what was filled in.
        only_check: whether nothing is to be installed.
        work: makes the datasets, or nothing.
        checks: those made so far.
        naming: writes messages with the names the visitor knows.
        previews: of what would be installed, once all was checked.
    """

    form: tuple[Any, ...]
    only_check: bool
    work: Work
    checks: list[Check]
    naming: Callable[[str], str]
    previews: list[Preview]


def start_import(
    form: tuple[Any, ...],
    images: Any,
    masks: Any,
    inside: tuple[str, str],
    name: str,
    only_check: bool,
    options: dict[str, Any],
) -> Importing:
    """Starts it in a thread; what was uploaded is copied to a folder of this visit, and goes when it is done.

    `inside` says where images and masks are in uploaded HDF5 files that hold several stacks.
    """
    checks: list[Check] = []
    previews: list[Preview] = []
    task: Callable[..., Any] = import_source
    if only_check:
        task = partial(check_source, previews=previews)

    def made(work: Work, naming: Callable[[str], str]) -> Importing:
        return Importing(form=form, only_check=only_check, work=work, checks=checks, naming=naming, previews=previews)

    if isinstance(images, str):
        places = [Path(one).expanduser() if one else None for one in (images, masks)]

        def by_path(progress: Progress) -> Any:
            assert places[0] is not None
            return task(places[0], name, labels=places[1], progress=progress, checks=checks, **options)

        return made(Work(by_path), str)
    folder = scratch.new_folder()

    def naming(text: str) -> str:
        for part in ("images", "masks"):
            text = uploads.as_named(text, folder / part)
        return text

    def by_upload(progress: Progress) -> Any:
        try:
            source = uploads.within(uploads.copy(images, folder / "images", progress), inside[0])
            labels = uploads.within(uploads.copy(masks, folder / "masks", progress), inside[1]) if masks else None
            limit = uploads.MOST_UNPACKED_BYTES
            return task(
                source, name, labels=labels, unpack_limit=limit, progress=progress, checks=checks, **options
            )  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return made(Work(by_upload), naming)
