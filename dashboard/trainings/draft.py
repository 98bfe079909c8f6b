"""What the form for a training says: a configuration as far as it makes sense, and in plain words what does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard import words
from segcore.config import AugmentConfig, RunConfig, override
from segcore.data import DatasetInfo
from segcore.errors import ConfigError, SegcoreError
from segcore.jobs import JobQueue, Lane
from segcore.runs import NOTHING, Run, audit_split, slice_ranges, split_of

RANGES = tuple(
    f"augment.{name}" for name in ("rotation_deg", "scale", "elastic_px", "noise_level", "brightness", "contrast")
)
"""The main ranges of augmentation, in the order they are asked for."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A training that somebody thinks of.

    Attributes:
        dataset: what it is trained on.
        name: of the run.
        started_from: the run whose weights it begins with; empty for random ones.
        config: every setting that makes sense, and that of the preset where one does not.
        problems: in a sentence, by the setting, `name`, or empty for what concerns them all.
    """

    dataset: str
    name: str
    started_from: str
    config: RunConfig
    problems: Mapping[str, str]


def draft(
    queue: JobQueue,
    base: RunConfig,
    settings: Mapping[str, str],
    *,
    dataset: str,
    name: str,
    started_from: str,
    lane: Lane | None = None,
) -> Draft:
    """Checks what was typed, setting by setting, and then whether all of it could be started.

    Args:
        queue: knows the names that are taken.
        base: settings that the form does not ask for.
        settings: text by dotted name, applied in this order.
        dataset: name of a labelled one.
        name: of the run, as typed.
        started_from: a run, or empty.
        lane: where it would run; its memory is asked about.
    """
    config, problems = base, {}
    if "bce" not in settings.get("loss.kind", base.loss.kind):
        # There is no field for it, and without a term for each pixel it has no meaning.
        config = override(config, ["loss.boundary_weight=0"])
    for setting, text in settings.items():
        try:
            config = override(config, [f"{setting}={text}"])
        except ConfigError as error:
            problems[setting] = f"{words.plain(error.found or text)} does not fit: {words.plain(error.expected or '')}"
    try:
        queue.check_name(name)
    except SegcoreError as error:
        problems["name"] = _sentence(error) if name else "A run needs a name"
    if not problems:
        try:
            queue.check_training(dataset=dataset, config=config, started_from=started_from, lane=lane)
        except SegcoreError as error:
            problems[""] = _sentence(error)
    return Draft(dataset=dataset, name=name, started_from=started_from, config=config, problems=problems)


def _sentence(error: SegcoreError) -> str:
    """A mistake without the path, which says nothing to somebody who fills in a form."""
    text = error.problem + (f"; found {error.found}" if error.found and error.path is None else "")
    text += f"; expected {error.expected}" if error.expected else ""
    return words.plain(text[:1].upper() + text[1:])


def augmentation(base: AugmentConfig, mode: str) -> AugmentConfig:
    """That of the preset, of the notebook, or none."""
    return {"notebook": AugmentConfig.notebook(), "off": AugmentConfig.off()}.get(mode, base)


def with_augmentation(config: RunConfig, mode: str) -> RunConfig:
    return dataclasses.replace(config, augment=augmentation(config.augment, mode))


def leak(planned: Draft, info: DatasetInfo, begun_with: Run | None) -> str:
    """What the figures of such a run would be worth, if slices it is judged by had been seen before; or nothing."""
    split = split_of(info, planned.config)
    found = audit_split(split, info.slice_fingerprints, begun_with.seen if begun_with else NOTHING)
    said = ["**This would leak.**"] if found.leaks else ["**This would flatter.**"] if found.chosen_on else []
    for part in ("validation", "test"):
        if own := [z for z in found.trained_here if z in getattr(split, part)]:
            said.append(
                f"Copies of slices {slice_ranges(own)} would be both learned from and "
                f"{'validated with' if part == 'validation' else 'tested on'}, so the {part} figures flatter."
            )
    if found.trained_before and begun_with:
        said.append(
            f"{words.plain(begun_with.name)}, whose weights it would begin with, has learned from slices "
            f"{slice_ranges(found.trained_before)}, which this run is to be judged by."
        )
    if found.chosen_on:
        said.append(
            f"Test slices {slice_ranges(found.chosen_on)} choose epochs or thresholds, here or in "
            f"{words.plain(begun_with.name)}, whose weights it would begin with."
            if begun_with
            else f"Test slices {slice_ranges(found.chosen_on)} choose the epoch and the thresholds, as copies."
        )
    return " ".join(said)
