"""The section of a report that says how to get the same figures again."""

from __future__ import annotations

import json
import shlex
from html import escape

from segcore.config import flatten, to_dict
from segcore.report.contents import Contents


def how_to_repeat(contents: Contents) -> str:
    """HTML: commands, versions, and all settings of a run that was trained here."""
    run, facts = contents.run, contents.facts
    name = shlex.quote(run.name)
    if run.info.outside is None:
        commands = [
            f"python -m segcore evaluate {name} --dataset {shlex.quote(str(facts.get('dataset')))} "
            f"--slices {contents.part}"
        ]
    else:
        commands = [
            f"python -m segcore score {name} {shlex.quote(run.info.outside.source)} --dataset "
            f"{shlex.quote(run.info.dataset)}"
        ]
    other = contents.comparison
    commands.append(
        f"python -m segcore report {name}"
        + ("" if other is None else f" --compare {shlex.quote(other.second.run)}")
        + " --out report.html"
    )
    versions = ", ".join(f"{key} {value}" for key, value in run.info.versions.items())
    fingerprint = str(facts.get("dataset_fingerprint"))[:16]
    settings = ""
    if run.has_network:
        commands.append(f"python -m segcore predict {name} my-images --out predicted")
    if run.info.outside is None:
        flat = flatten(to_dict(run.config))
        if run.info.members:  # each of which has a split of its own
            flat = {key: value for key, value in flat.items() if not key.startswith("split.")}
        settings = (
            "<details><summary>All settings of the run</summary><pre>"
            + escape("\n".join(f"{key} = {json.dumps(value)}" for key, value in flat.items()))
            + "</pre></details>"
        )
    return (
        f"<pre>{escape(chr(10).join(commands))}</pre><p><small>{escape(versions)}. Dataset fingerprint "
        f"{escape(fingerprint)}; evaluated {escape(contents.measured)} by segcore "
        f"{escape(str(facts.get('segcore', '?')))}.</small></p>{settings}"
    )
