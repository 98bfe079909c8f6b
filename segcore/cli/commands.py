"""What each command does: results on stdout, log and progress on stderr."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segcore.checked import range_of
from segcore.config import SETTINGS, RunConfig, SplitConfig, override
from segcore.errors import ConfigError, SegcoreError
from segcore.presets import preset
from segcore.progress import on_terminal

if TYPE_CHECKING:
    from segcore.evaluation import Evaluated

log = logging.getLogger("segcore")


def print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Columns as wide as their widest cell; numbers are the caller's to format."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def chosen_config(options: Any) -> RunConfig:
    return override(preset(options.preset), options.settings)


def datasets(options: Any) -> None:
    from segcore.data import CATALOGUE, installed

    there = installed()
    if options.json:
        print_json(
            {
                "installed": [dataclasses.asdict(info) for info in there],
                "fetchable": [dataclasses.asdict(entry) for entry in CATALOGUE.values()],
            }
        )
        return
    rows = [
        (
            info.name,
            "here",
            info.slices,
            f"{info.height} x {info.width}",
            " x ".join(f"{side:g}" for side in info.voxel_size_nm) if info.voxel_size_nm else "unknown",
            "labelled" if info.labelled else "no labels",
            info.source,
            info.terms,
        )
        for info in there
    ]
    names = {info.name for info in there}
    rows += [
        (
            entry.name,
            "fetch",
            entry.slices,
            f"{entry.height} x {entry.width}",
            " x ".join(f"{side:g}" for side in entry.voxel_size_nm) if entry.voxel_size_nm else "unknown",
            "labelled",
            entry.source,
            entry.terms,
        )
        for entry in CATALOGUE.values()
        if entry.name not in names
    ]
    print(table(rows, ("name", "state", "slices", "pixels", "voxel z y x, nm", "labels", "source", "terms")))


def fetch(options: Any) -> None:
    from segcore.data import fetch as fetch_dataset

    for dataset in fetch_dataset(options.dataset, source=options.source, progress=on_terminal()):
        _print_dataset(dataset.info)


def import_(options: Any) -> None:
    from segcore.data import ClassValues, LabelOptions, import_source

    label_options = LabelOptions(
        polarity=options.polarity,
        threshold_labels=options.threshold_labels,
        labels_are=options.labels_are,
        class_values=ClassValues(
            membrane=tuple(options.membrane_values or ()),
            interior=tuple(options.interior_values or ()),
            ignore=tuple(options.ignore_values or ()),
        ),
        membrane_px=options.membrane_px,
        unlabelled_slices=options.unlabelled_slices,
    )
    made = import_source(
        options.source,
        options.name,
        labels=options.labels,
        label_options=label_options,
        axes=options.axes,
        voxel_size_nm=tuple(options.voxel_size_nm) if options.voxel_size_nm else None,
        progress=on_terminal(),
    )
    for dataset in made:
        for check in dataset.info.checks:
            log.info("%s %s: %s", "ok " if check.passed else "no ", check.name, check.message)
        _print_dataset(dataset.info)


def _print_dataset(info: Any) -> None:
    labels = "labelled" if info.labelled else "no labels"
    print(f"{info.name}: {info.slices} slices of {info.height} x {info.width}, {labels}, {info.fingerprint[:12]}")


def export(options: Any) -> None:
    from segcore.data import export as export_dataset
    from segcore.data import open_dataset

    export_dataset(open_dataset(options.dataset), options.directory, options.format, progress=on_terminal())
    print(options.directory)


def split(options: Any) -> None:
    from segcore.data import open_dataset
    from segcore.runs import audit_split, row_range, slice_ranges, split_of, split_to_dict

    info = open_dataset(options.dataset).info
    settings = list(options.settings)
    if options.protocol:
        settings.insert(0, f"split.protocol={options.protocol}")
    config = override(RunConfig(), settings)
    folds = range(config.split.folds) if config.split.protocol == "kfold" else [config.split.fold]
    results = []
    for fold in folds:
        chosen: SplitConfig = dataclasses.replace(config.split, fold=fold)
        made = split_of(info, dataclasses.replace(config, split=chosen))
        results.append((fold, made, audit_split(made, info.slice_fingerprints)))
    if options.json:
        print_json(
            [
                split_to_dict(made)
                | {
                    "fold": fold,
                    "leaks": found.leaks,
                    "leaking_slices": list(found.trained_on),
                    "within_1_2_3_slices": list(found.within),
                }
                for fold, made, found in results
            ]
        )
        return
    for fold, made, found in results:
        if config.split.protocol == "kfold":
            print(f"fold {fold}")
        for name, indices, rows in (
            ("train", made.train, made.rows("train")),
            ("left out", made.gap, None),
            ("validation", made.validation, made.rows("validation")),
            ("test", made.test, made.rows("test")),
        ):
            print(f"{name:<11}{len(indices):>4} slices  {slice_ranges(indices)}  {row_range(rows)}".rstrip())
        if made.pool:
            held = sum(copy.part == "validation" for copy in made.pool)
            print(
                f"pool       {len(made.pool):>4} copies  {len(made.pool) - held} to train on, {held} to validate with"
            )
        if found.leaks:
            judged = found.trained_on
            print(f"LEAK: {len(judged)} judged slices, or copies of them, are trained on: {slice_ranges(judged)}")
        elif found.gap_px is not None:
            print(
                f"leak audit: no judged row is trained on; they are rows of the same slices, {found.gap_px} rows away"
            )
        else:
            print("leak audit: no validation or test slice, and no copy of one, is trained on")
        if found.near_misses and found.gap_px is None:
            print(f"near misses: {found.near_misses[0].lower()}{found.near_misses[1:]}")


def augment(options: Any) -> None:
    from segcore.data import open_dataset
    from segcore.training import write_pool

    pool = write_pool(
        open_dataset(options.dataset),
        chosen_config(options),
        options.out,
        count=options.count,
        seed=options.seed,
        progress=on_terminal(),
    )
    print(f"{pool.folder}: {pool.copies} pairs, {pool.originals} of them the slices as they are")


def train(options: Any) -> None:
    from segcore.data import open_dataset
    from segcore.jobs import JobQueue, free_run_name, train_and_judge
    from segcore.runs import open_run

    if options.devices < 1 or options.nodes < 1:
        raise ConfigError(
            "a training needs a device",
            found=f"--devices {options.devices} --nodes {options.nodes}",
            expected="1 or more",
        )
    config: RunConfig | None = None
    if options.resume is not None:
        if options.settings or options.name is not None or options.started_from is not None:
            raise ConfigError("--resume goes on with a run's own settings", expected="no --set, --name or --from")
        name = options.resume
        trained_on = open_run(name).info.dataset
        dataset = open_dataset(trained_on if options.dataset is None else options.dataset)
    else:
        if options.dataset is None:
            raise ConfigError("train needs a dataset", expected="train DATASET, or train --resume RUN")
        config = chosen_config(options)
        dataset = open_dataset(options.dataset)
        name = free_run_name(f"{options.dataset}-{options.preset}") if options.name is None else options.name
    JobQueue().check_not_asked_for(name)
    judged = train_and_judge(
        dataset, name, config, started_from=options.started_from or "", device=options.device,
        devices=options.devices, nodes=options.nodes, progress=on_terminal(),
    )  # fmt: skip
    if not judged.evaluations:
        return
    if not judged.run.split.test:
        log.warning("no slices were held out for a test; these are the validation slices")
    # A program is given the one that counts.
    shown = judged.evaluations[-1:] if options.json else judged.evaluations
    for number, found in enumerate(shown):
        if number:
            print()
        _print_evaluation(found, as_json=options.json)


def _print_evaluation(found: Evaluated, *, as_json: bool) -> None:
    from segcore.evaluation import evaluation_json, evaluation_text

    if as_json:
        print_json(evaluation_json(found))
    else:
        print(evaluation_text(found))


def evaluate(options: Any) -> None:
    from segcore.data import open_dataset
    from segcore.evaluation import evaluate as evaluate_run
    from segcore.evaluation import write_card
    from segcore.runs import open_run

    run = open_run(options.run)
    dataset = open_dataset(run.info.dataset if options.dataset is None else options.dataset)
    threshold = _threshold(options.threshold)
    found = evaluate_run(
        run,
        dataset,
        part=options.slices,
        threshold=threshold,
        device=options.device,
        progress=on_terminal(),
    )
    if found.part == "test" and (run.info.operating_points is not None or not run.has_network):
        write_card(run, dataset, found)
    _print_evaluation(found, as_json=options.json)


def _threshold(text: str) -> str | float:
    if text in ("pixel", "topology"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError("unknown threshold", found=text, expected="pixel, topology, or a number from 0 to 1")
    return value


def score(options: Any) -> None:
    from segcore.data import open_dataset
    from segcore.evaluation import score_outside
    from segcore.runs import slices_of

    dataset = open_dataset(options.dataset)
    slices, trained_on = (
        None if text is None else slices_of(text, dataset.info.slices) for text in (options.slices, options.trained_on)
    )
    found = score_outside(
        options.name,
        options.file,
        dataset,
        kind=options.kind,
        polarity=options.polarity,
        slices=slices,
        trained_on=trained_on,
        axes=options.axes,
        channel=options.channel,
        progress=on_terminal(),
    )
    if found.run.info.outside is not None:
        log.info("read as %s", found.run.info.outside.read_as)
    _print_evaluation(found.evaluated, as_json=options.json)


def report(options: Any) -> None:
    from segcore.report import gather, write_report
    from segcore.runs import open_run

    conclusion = None
    if options.conclusion is not None:
        try:
            conclusion = options.conclusion.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                "the conclusion cannot be read", found=f"{options.conclusion}: {error}", expected="a file of UTF-8 text"
            ) from error
    other = None if options.compare is None else open_run(options.compare)
    contents = gather(open_run(options.run), dataset=options.dataset, part=options.slices, other=other)
    tables = write_report(contents, options.out, conclusion=conclusion)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB; tables in {tables}")


def predict(options: Any) -> None:
    from segcore.evaluation import predict_to_files
    from segcore.runs import open_run

    run = open_run(options.run)
    written = predict_to_files(
        run,
        options.input,
        options.output,
        threshold=_threshold(options.threshold),
        device=options.device,
        format=options.format,
        axes=options.axes,
        progress=on_terminal(),
    )
    print(f"{written.folder}: {written.slices} slices, mask at threshold {written.threshold:.3f}")


def export_model(options: Any) -> None:
    from segcore.evaluation import export_model as export_run
    from segcore.runs import open_run

    run = open_run(options.run)
    path = options.file or Path(f"{run.name}.bioimageio.zip")
    written = export_run(run, path, author=options.author, licence=options.license)
    print(f"{written.path}: author {options.author}, licence {options.license}; its example is {written.example_of}")


def settings(options: Any) -> None:
    from pydantic import TypeAdapter

    if options.json:
        print_json(TypeAdapter(RunConfig).json_schema())
        return
    print(settings_page(), end="")


def settings_page() -> str:
    """SETTINGS.md: a table a section, with every setting's default, range and what it does."""
    lines = ["# Settings", "", "`--set section.name=value` changes one; `segcore settings` prints this page."]
    section = ""
    for name, field in SETTINGS.items():
        if name.partition(".")[0] != section:
            section = name.partition(".")[0]
            lines += ["", f"## {section}", "", "| setting | default | range | what it is |", "|---|---|---|---|"]
        default = ", ".join(field.default) if isinstance(field.default, tuple) else f"{field.default}"
        if isinstance(field.default, float):
            default = f"{field.default:.4g}"
        lines.append(f"| `{name}` | {default.lower()} | {range_of(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def runs(options: Any) -> None:
    from segcore.evaluation import run_overview
    from segcore.runs import models_root, open_run, run_names

    rows = []
    damaged = []
    for name in run_names():
        try:
            rows.append(run_overview(open_run(name)))
        except SegcoreError as error:
            damaged.append(error)
    if options.json:
        print_json([dataclasses.asdict(row) for row in rows])
    elif rows:
        header = ("run", "dataset", "split", "state", "epochs", "wrong pixels", "V_Rand", "leak")
        print(table([row.cells() for row in rows], header))
    elif not damaged:
        print(f"no runs in {models_root()}; train one with: python -m segcore train sample --preset quick")
    # What is whole is listed all the same; what is not makes itself heard, to programs too.
    for one in damaged[:-1]:
        log.error("segcore: %s", one)
    if damaged:
        raise damaged[-1]


COMMANDS: dict[str, Callable[[Any], None]] = {
    "datasets": datasets,
    "fetch": fetch,
    "import": import_,
    "export": export,
    "split": split,
    "augment": augment,
    "train": train,
    "evaluate": evaluate,
    "score": score,
    "report": report,
    "predict": predict,
    "export-model": export_model,
    "settings": settings,
    "runs": runs,
}
