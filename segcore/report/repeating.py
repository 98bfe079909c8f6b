"""The section of a report that says how to get the same figures again."""

from __future__ import annotations

import json
import shlex
from html import escape

from segcore.config import flatten, to_dict
from segcore.evaluation import Evaluation
from segcore.report.contents import Contents


def how_to_repeat(contents: Contents) -> str:
    """HTML: commands, versions, and all settings of a run that was trained here."""
    run, facts = contents.run, contents.facts
    versions = ", ".join(f"{key} {value}" for key, value in run.info.versions.items())
    fingerprint = str(facts.get("dataset_fingerprint"))[:16]
    settings = ""
    if run.info.outside is None:
        flat = flatten(to_dict(run.config))
        if run.info.members:  # each of which has a split of its own
            flat = {key: value for key, value in flat.items() if not key.startswith("split.")}
        settings = (
            "<details><summary>All settings of the run</summary><pre>"
            + escape("\n".join(f"{key} = {json.dumps(value)}" for key, value in flat.items()))
            + "</pre></details>"
        )
    commands = "".join(f"<code>{escape(command)}</code>" for command in _commands(contents))
    return (
        f"{_first(contents)}<pre>{commands}</pre><p><small>{escape(versions)}. "
        f"Dataset fingerprint {escape(fingerprint)}; evaluated {escape(contents.measured)} by segcore "
        f"{escape(str(facts.get('segcore', '?')))}.</small></p>{settings}"
    )


def _first(contents: Contents) -> str:
    """What has to be there for the commands, as HTML."""
    run = contents.run
    needed = (
        "With the run's folder in the folder of models, and the dataset that has the fingerprint below in that of "
        "data, these commands of segcore give the same figures"
    )
    if run.has_network:
        return f"<p>{needed}; my-images is any image, stack or folder of images.</p>"
    source = "" if run.info.outside is None else f", read from {run.info.outside.source}"
    return f"<p>{needed}. The run's folder holds what was predicted{escape(source)}, which is measured again.</p>"


def _commands(contents: Contents) -> list[str]:
    run, other = contents.run, contents.comparison
    dataset = str(contents.facts.get("dataset"))
    report = ["report", run.name]
    if dataset != run.info.dataset:
        report += ["--dataset", dataset]
    if contents.part != "test":
        report += ["--slices", contents.part]
    found = [["evaluate", run.name, "--dataset", dataset, "--slices", contents.part, *_threshold(contents.evaluation)]]
    if other is not None:
        side = other.second
        found.append(
            ["evaluate", side.run, "--dataset", side.dataset, "--slices", side.part, *_threshold(side.evaluation)]
        )
        report += ["--compare", side.run]
    found.append([*report, "--out", "report.html"])
    if run.has_network:
        found.append(["predict", run.name, "my-images", "predicted", *_threshold(contents.evaluation)])
    return [shlex.join(["python", "-m", "segcore", *words]) for words in found]


def _threshold(evaluation: Evaluation) -> list[str]:
    """The option that a run needs which has chosen no thresholds of its own."""
    value = evaluation.thresholds.get("chosen")
    return [] if value is None else ["--threshold", str(value)]
