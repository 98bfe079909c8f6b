"""A run in words: a line in a list, a summary on a terminal, a model card in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.config import flatten, to_dict
from segcore.data import Dataset
from segcore.errors import ConfigError
from segcore.evaluation.folder import read_evaluation
from segcore.evaluation.measured import (
    Evaluation,
    evaluation_object,
    events_by_harm,
    harm_of_first,
    how_made,
    summary,
)
from segcore.measures import Confusion, mean_over_slices
from segcore.presets import preset
from segcore.runs import LeakAudit, Run, row_range, slice_ranges
from segcore.storage import atomic_file

if TYPE_CHECKING:  # A list of runs must not wait for PyTorch.
    from segcore.evaluation.evaluating import Evaluated

_PROTOCOLS = {
    "blocks": "one contiguous block held out as test",
    "kfold": "contiguous folds, one of them held out as test",
    "bands": "bands of rows of every slice, with a gap as wide as the network sees",
    "crossval": "every slice was the test slice of one of several networks, none of which had seen it or a neighbour",
    "outside": "what another program predicted is judged",
    "notebook": "copies first, split at random afterwards; this leaks validation into training",
}


@dataclass(frozen=True, kw_only=True)
class RunOverview:
    """A run in one line. `wrong_percent` and `v_rand` are of its test slices; None where not measured.

    `leaks` is None where nobody knows what was trained on.
    """

    name: str
    dataset: str
    split: str
    state: str
    epochs: int
    wrong_percent: float | None
    v_rand: float | None
    leaks: bool | None

    def cells(self) -> tuple[str, ...]:
        """The line's cells as text."""
        return (
            self.name,
            self.dataset,
            self.split,
            self.state,
            str(self.epochs),
            "-" if self.wrong_percent is None else f"{self.wrong_percent:.2f} %",
            "-" if self.v_rand is None else f"{self.v_rand:.4f}",
            "unknown" if self.leaks is None else "LEAKS" if self.leaks else "no",
        )


def run_overview(run: Run) -> RunOverview:
    """The line of a run: wrong pixels at its pixel threshold, V_Rand at its topology threshold.

    Raises:
        RunError: if the evaluation of its test slices is damaged.
    """
    folder = run.evaluation(run.info.dataset)
    wrong = v_rand = None
    if folder.exists():
        evaluation, _ = read_evaluation(folder)
        # Both are missing where an unfinished run was evaluated at a threshold given as a number.
        if "pixel" in evaluation.points:
            wrong = float(evaluation.evidence.confusion(evaluation.thresholds["pixel"]).pooled().wrong_percent)
        if "topology" in evaluation.points:
            mean = mean_over_slices([one.v_rand for one in evaluation.points["topology"]])
            v_rand = None if isnan(mean) else mean
    return RunOverview(
        name=run.name,
        dataset=run.info.dataset + (" (synthetic)" if run.info.synthetic else ""),
        split=run.split.protocol,
        state=run.state,
        epochs=run.info.epochs,
        wrong_percent=wrong,
        v_rand=v_rand,
        leaks=_leaks(run.audit_split()),
    )


def evaluation_json(found: Evaluated) -> dict[str, Any]:
    """What `evaluate --json` prints."""
    return evaluation_object(found.evaluation, found.point, dataset=found.dataset, leaks=_leaks(found.audit))


def _leaks(audit: LeakAudit) -> bool | None:
    return None if audit.unknown and not audit.leaks else audit.leaks


def evaluation_text(found: Evaluated) -> str:
    """An evaluation for a terminal."""
    values = summary(found.evaluation)
    point = values["operating_points"][found.point]
    pooled, means = point["pooled"], point["mean_over_slices"]
    counts, pixels = pooled["confusion"], pooled["pixels"]
    tolerant = ", ".join(
        f"{percent:.2f} % beyond {px} px" for px, percent in enumerate(point["wrong_percent_by_tolerance_px"]) if px
    )
    best = values["best_over_thresholds_optimistic"]["v_rand"]
    lines = [
        f"{found.dataset}, {'all labelled' if found.part == 'all' else found.part} slices "
        f"({len(found.evaluation.slices)}), {found.point} threshold "
        f"{point['threshold']:.3f}",
        *_warnings(found),
        *([f"COLLAPSED: {said}"] if (said := collapse(counts)) else []),
        "",
        f"wrong pixels       {pooled['wrong_percent']:.2f} %   {pooled['wrong_pixels']:,} of {pixels:,}",
        f"                   {tolerant}",
        f"missed membrane    {100 * counts['membrane_as_interior'] / pixels:.2f} %   "
        f"{counts['membrane_as_interior']:,} pixels of membrane called interior (risks merging neurites)",
        f"false membrane     {100 * counts['interior_as_membrane'] / pixels:.2f} %   "
        f"{counts['interior_as_membrane']:,} pixels of interior called membrane (risks splitting neurites)",
        f"Dice, IoU          interior {_text(pooled['dice_interior'])}, {_text(pooled['iou_interior'])}; "
        f"membrane {_text(pooled['dice_membrane'])}, {_text(pooled['iou_membrane'])} (pooled)",
        f"V_Rand, V_Info     {_text(means['v_rand'])}, {_text(means['v_info'])} (mean over slices)",
        f"SSIM, PSNR         {_text(means['ssim'])} (mean over slices), {_text(pooled['psnr_db'], 2)} dB (pooled)",
    ]
    if (segments := values.get("segments")) is not None:
        lines.append(
            f"segments           V_Rand {_text(segments['v_rand'])}, V_Info {_text(segments['v_info'])} (mean over "
            f"slices; {how_made(found.evaluation)})"
        )
    if (by_part := point.get("wrong_pixels_by_part_and_tolerance_px")) and pooled["wrong_pixels"]:
        share = {name: 100 * pixels_of / pooled["wrong_pixels"] for name, pixels_of in by_part[0].items()}
        lines.append(
            f"of the wrong       {share['thin'] + share['thick']:.1f} % at boundaries, {share['merge']:.1f} % open a "
            f"membrane, {share['split']:.1f} % cut a neurite, {share['missed'] + share['invented']:.1f} % are neurites "
            "missed or invented"
        )
    lines += _harm(found.evaluation, values)
    if best is not None:
        lines.append(
            f"optimistic V_Rand  {best['value']:.4f} at threshold {best['threshold']:.1f}, chosen on these very slices"
        )
    return "\n".join([*lines, f"written to         {found.folder}"])


def _harm(evaluation: Evaluation, values: dict[str, Any]) -> list[str]:
    """Splits and merges, and the one that does most harm."""
    events = values["events"]
    of = "segments" if evaluation.events_at == "segments" else f"the prediction at its {evaluation.events_at} threshold"
    lines = [
        f"splits, merges     {events['splits']}, {events['merges']} against {values['neurites']:,} neurites, by {of}"
    ]
    if not isnan(first := harm_of_first(evaluation, 3)):
        worst = events_by_harm(evaluation)[0]
        lines.append(
            f"most harm          {worst.kind} in slice {worst.slice} at x {worst.x}, y {worst.y}: undone, V_Rand of "
            f"the slice rises by {worst.harm:.4f}"
            + (f"; the first 3 do {100 * first:.0f} % of all harm" if len(evaluation.events) > 3 else "")
        )
    return lines


def _text(value: float | None, digits: int = 4) -> str:
    return "not defined" if value is None else f"{value:.{digits}f}"


def collapse(cells: Mapping[str, int]) -> str:
    """A sentence that says so where nearly all pixels of a confusion matrix were called one class; or nothing."""
    name = Confusion.from_cells(cells).one_class_for_all
    if name is None:
        return ""
    other = "interior" if name == "membrane" else "membrane"
    hit = cells[f"{other}_as_{other}"]
    labelled = hit + cells[f"{other}_as_{name}"]
    return f"nearly everything was called {name}: {hit:,} of {labelled:,} pixels of {other} were found"


def _warnings(found: Evaluated) -> list[str]:
    audit = found.audit
    warnings = ["synthetic images, drawn by a program: nothing about real tissue"] if found.synthetic else []
    if audit.unknown:
        warnings.append("unknown: nobody said which slices this was trained on, so it may have been on these")
    if audit.leaks:
        warnings.append(
            f"LEAK: {len(audit.trained_on)} of these slices, or copies of them, were trained on; "
            "the figures say nothing about new data"
        )
    if audit.chosen_on:
        warnings.append(f"note: epochs or thresholds were chosen on {len(audit.chosen_on)} of these slices")
    return warnings


def write_card(run: Run, dataset: Dataset, found: Evaluated) -> Path:
    """Writes the model card, README.md of the run folder, from what was measured.

    Args:
        run: finished.
        dataset: the one it was trained on.
        found: the evaluation of its test slices.
    """
    with atomic_file(run.card) as temporary:
        temporary.write_text("\n".join(_card(run, dataset, found)) + "\n", encoding="utf-8")
    return run.card


def _card(run: Run, dataset: Dataset, found: Evaluated) -> list[str]:
    info, facts = run.info, dataset.info
    values = summary(found.evaluation)
    lines = [f"# {run.name}", ""]
    if facts.synthetic:
        lines += ["**Trained and measured on synthetic images. Its figures say nothing about real tissue.**", ""]
    lines += [
        _what_it_is(run),
        "",
        "## Data",
        "",
        f"{facts.title or facts.name}: {facts.slices} slices of {facts.height} x {facts.width} pixels"
        + (
            f", voxels of {' x '.join(f'{side:g}' for side in facts.voxel_size_nm)} nm (z, y, x)"
            if facts.voxel_size_nm
            else ""
        )
        + ".",
        f"Source: {facts.source or 'not stated'}. Terms: {facts.terms or 'not stated'}.",
        f"Fingerprint `{facts.fingerprint[:16]}`. No image or label of the dataset is in this folder.",
        "",
        "## Split",
        "",
        f"Protocol `{run.split.protocol}`: {_PROTOCOLS[run.split.protocol]}.",
        "",
        "| part | slices, counted from 0 |",
        "|---|---|",
        *(
            f"| {name} | {slice_ranges(indices)}{rows and ', '}{rows} |"
            for name, indices, rows in (
                ("train", run.split.train, row_range(run.split.rows("train"))),
                ("left out", run.split.gap, ""),
                ("validation", run.split.validation, row_range(run.split.rows("validation"))),
                ("test", run.split.test, row_range(run.split.rows("test"))),
            )
        ),
        "",
        _leak_sentence(run),
        "",
        "## Results on the test slices",
        "",
        _how_chosen(run),
        "",
        *_results(found, values),
        "",
        "## Limits",
        "",
        *_limits(run, facts.synthetic),
        "",
        "## Training",
        "",
        _how_trained(run) + ", ".join(f"{name} {version}" for name, version in info.versions.items()) + ".",
    ]
    if info.outside is None:
        differing = _differences(run)
        lines += ["", f"Settings that differ from the defaults of the preset: {differing}. All of them: `config.json`."]
    if facts.citation:
        lines += ["", "## Citation", "", facts.citation.rstrip(".") + "."]
    return lines


def _how_chosen(run: Run) -> str:
    if run.info.outside is not None:
        return "Nothing was chosen on any slice. Interior is what lies above the threshold."
    whose = " of each network and averaged, so that all slices have the same two" if run.info.members else ""
    return f"Both thresholds were chosen on the validation slices{whose}. Interior is what lies above the threshold."


def _what_it_is(run: Run) -> str:
    info = run.info
    if info.outside is not None:
        return (
            f"What another program predicted, read from `{info.outside.source}`: {info.outside.read_as}. There is no "
            "network here that could predict other images."
        )
    if not info.members:
        return (
            f"A U-Net that tells cell interior from membrane; {info.parameters:,} parameters, trained with the "
            f"`{run.config.preset}` preset."
        )
    return (
        f"The predictions of {len(info.members)} U-Nets that tell cell interior from membrane, of {info.parameters:,} "
        f"parameters each, trained with the `{run.config.preset}` preset: each slice has the mean probability of those "
        "that were not trained on it. There is no network of its own here that could predict other images. Networks: "
        + ", ".join(f"`{name}`" for name in info.members)
        + "."
    )


def _how_trained(run: Run) -> str:
    info = run.info
    if info.outside is not None:
        return "Nothing is known of it here. Measured with "
    minutes = f"{info.train_seconds / 60:.0f} minutes on {info.device}"
    if info.members:
        return f"{len(info.members)} trainings, {minutes} together. "
    return (
        f"{info.epochs} epochs in {minutes}; the weights are those of epoch {info.best_epoch}, with validation Dice "
        f"{info.best_dice:.4f}. Seed {info.seed}. "
    )


def _results(found: Evaluated, values: dict[str, Any]) -> list[str]:
    points = values["operating_points"]
    names = [name for name in ("pixel", "topology", "chosen") if name in points]

    def row(label: str, texts: list[str]) -> str:
        return f"| {label} | " + " | ".join(texts) + " |"

    def pooled(key: str, digits: int = 4) -> list[str]:
        return [_text(points[name]["pooled"][key], digits) for name in names]

    def mean(key: str) -> list[str]:
        return [_text(points[name]["mean_over_slices"][key]) for name in names]

    def percent(name: str, key: str) -> str:
        one = points[name]["pooled"]
        return f"{100 * one['confusion'][key] / one['pixels']:.2f} % ({one['confusion'][key]:,})"

    best = values["best_over_thresholds_optimistic"]["v_rand"]
    lines = [
        row("", [f"{name} threshold {points[name]['threshold']:.3f}" for name in names]),
        "|---|" + "---|" * len(names),
        row(
            "wrong pixels",
            [
                f"{points[name]['pooled']['wrong_percent']:.2f} % ({points[name]['pooled']['wrong_pixels']:,} of "
                f"{points[name]['pooled']['pixels']:,})"
                for name in names
            ],
        ),
        row("wrong by more than 2 px", [f"{points[name]['wrong_percent_by_tolerance_px'][2]:.2f} %" for name in names]),
        row("missed membrane", [percent(name, "membrane_as_interior") for name in names]),
        row("false membrane", [percent(name, "interior_as_membrane") for name in names]),
        row("Dice of interior, pooled", pooled("dice_interior")),
        row("Dice of membrane, pooled", pooled("dice_membrane")),
        row("V_Rand, mean over slices", mean("v_rand")),
        row("V_Info, mean over slices", mean("v_info")),
        row("SSIM, mean over slices", mean("ssim")),
        row("PSNR, pooled, dB", pooled("psnr_db", 2)),
    ]
    if (segments := values.get("segments")) is not None:
        lines += [
            "",
            f"Segments ({_segments_chosen(found.evaluation)}): V_Rand {_text(segments['v_rand'])}, V_Info "
            f"{_text(segments['v_info'])}, mean over slices.",
        ]
    if best is not None:
        lines += [
            "",
            f"Optimistic, for comparing with the challenge only: V_Rand {best['value']:.4f} at the threshold that is "
            f"best on these very slices ({best['threshold']:.1f}).",
        ]
    return lines


def _segments_chosen(evaluation: Evaluation) -> str:
    """How segments were made, and on which slices that was chosen."""
    made = how_made(evaluation)
    points = {*evaluation.segment_points}
    if not points:
        return made
    if len(points) > 1:
        return f"{made}; each as the networks chose that predicted these slices, on their validation slices"
    return f"{made}, {'chosen by nobody' if 'chosen' in evaluation.thresholds else 'both from the validation slices'}"


def _leak_sentence(run: Run) -> str:
    audit = run.audit_split()
    if audit.unknown:
        return (
            "**Leak audit: unknown. Nobody said which slices the method was trained on, so these figures may be of "
            "slices that it learned from.**"
        )
    if audit.leaks:
        parts = [part for part in ("validation", "test") if {*audit.trained_on} & {*getattr(run.split, part)}]
        said = (
            f"**Leak audit: {len(audit.trained_on)} validation or test slices, or copies of them, were trained on "
            f"({slice_ranges(audit.trained_on)}). {' and '.join(parts).capitalize()} figures of this run say nothing "
            "about new data.**"
        )
    elif audit.gap_px is not None:
        said = "Leak audit: no row that is judged was trained on."
    elif run.info.members:
        said = "Leak audit: no slice was predicted by a network that was trained on it, on a copy of it or beside it."
    else:
        said = "Leak audit: no validation or test slice, and no copy of one, was trained on."
    if audit.trained_before:
        said += f" The weights it began with had been trained on {slice_ranges(audit.trained_before)}."
    if audit.chosen_on:
        said += f" Epochs or thresholds were chosen on test slices {slice_ranges(audit.chosen_on)}, which flatters."
    if audit.gap_px is not None:
        said += (
            f" What is judged are other rows of the very slices that were trained on, {audit.gap_px} rows away; "
            "another slice may be segmented worse."
        )
    if audit.near_misses and not audit.leaks and audit.gap_px is None:
        said += f" {audit.near_misses}"
    return said


def _limits(run: Run, synthetic: bool) -> list[str]:
    if run.info.outside is not None:
        return [
            "- Slices are judged one by one; nothing joins them in depth.",
            "- Thresholds and segments are made with usual values. With values chosen on slices that are not judged, "
            "the figures may be better.",
        ]
    limits = [
        "- Measured on slices of the same stack it was trained on. Another animal, stain, microscope or pixel size "
        "may do much worse.",
        "- Slices are segmented one by one; nothing joins them in depth.",
        "- Each network was trained on a part of the stack; one trained on all of it may do better."
        if run.info.members
        else f"- {len(run.split.validation)} validation slices chose the thresholds, and {len(run.split.test)} test "
        "slices make the figures: differences of a few tenths of a percent between runs may be chance.",
    ]
    if synthetic:
        limits.append("- The images are drawn by a program. Use it to try things, not to judge them.")
    return limits


def _differences(run: Run) -> str:
    mine = flatten(to_dict(run.config))
    try:
        usual = flatten(to_dict(preset(run.config.preset)))
    except ConfigError:
        return "the preset is not known here"
    changed = [f"`{key}={value}`" for key, value in mine.items() if usual.get(key) != value]
    return ", ".join(changed) or "none"
