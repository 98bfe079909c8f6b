"""The run folder: one trained model with all that belongs to it. Only this file knows its file names."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from segcore.checked import from_dict
from segcore.config import RunConfig, to_dict
from segcore.errors import ConfigError, RunError, StorageError
from segcore.locking import is_locked, locked
from segcore.runs.history import EpochRecord, read_history
from segcore.runs.leaks import NOTHING, LeakAudit, Seen, audit, audit_split
from segcore.runs.outside import Outside
from segcore.runs.parts import NetworkPart
from segcore.runs.points import OperatingPoints
from segcore.runs.splits import Split, split_from_dict, split_to_dict
from segcore.storage import atomic_folder, read_json, safe_name, write_json

FORMAT_VERSION = 1
_DESCRIPTIONS = ("run.json", "config.json", "split.json")
_LOCK = ".lock"
_INHERITED = {"inherited": "trained", "inherited_validation": "validated"}
"""What `split.json` calls the fingerprints that came with the weights a run started from."""

State = Literal["training", "interrupted", "failed", "finished"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What happened to a run, for people and programs.

    Attributes:
        format_version: of the run folder.
        state: `training`, `interrupted` (resumable), `failed` (with a message) or `finished`.
        dataset: name of the stack it was trained on.
        dataset_fingerprint: of that stack's pixels.
        synthetic: whether that stack was made, not measured.
        seed: of everything random.
        started, ended: UTC, ISO 8601; `ended` is None while it trains.
        device: name of what it was trained on, and how many of them.
        samples_at_once: that each device has in memory at once, found out when the run began; 0 for whole batches.
        versions: of segcore, Python and the libraries that matter for the result.
        parameters: trainable numbers in the network.
        epochs: epochs done.
        best_epoch: the epoch whose weights were kept, counted from 1; 0 before the first.
        best_dice: validation Dice of interior in that epoch.
        train_seconds: time spent in epochs.
        operating_points: thresholds, once chosen.
        message: why it failed.
        started_from: the run whose weights it began with; empty for random ones.
        members: the runs whose predictions it averages, if that is what it is; then it has no network of its own.
        outside: what is known of a prediction that another program made, if that is what it is; no network either.
    """

    format_version: int = FORMAT_VERSION
    state: State = "training"
    dataset: str
    dataset_fingerprint: str
    synthetic: bool = False
    seed: int
    started: str
    ended: str | None = None
    device: str = ""
    samples_at_once: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    parameters: int = 0
    epochs: int = 0
    best_epoch: int = 0
    best_dice: float = 0.0
    train_seconds: float = 0.0
    operating_points: OperatingPoints | None = None
    message: str = ""
    started_from: str = ""
    members: tuple[str, ...] = ()
    outside: Outside | None = None


@dataclass(frozen=True)
class Run:
    """A run folder that was opened and found whole.

    Attributes:
        folder: where it lies.
        info: what happened.
        config: how to repeat it.
        split: which slices it used for what.
        slice_fingerprints: of every slice of the stack it was trained on.
        inherited: what the weights it started from had seen.
    """

    folder: Path
    info: RunInfo
    config: RunConfig
    split: Split
    slice_fingerprints: tuple[str, ...]
    inherited: Seen = NOTHING

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def state(self) -> State:
        """What it is now: a training whose process is gone, however it went, is interrupted."""
        if self.info.state != "training" or is_locked(self.lock):
            return self.info.state
        # It may have ended, as it should, since its description was read.
        latest = open_run(self.name, root=self.folder.parent).info.state
        return "interrupted" if latest == "training" else latest

    @property
    def lock(self) -> Path:
        """Held by the process that trains it."""
        return self.folder / _LOCK

    @property
    def seen(self) -> Seen:
        """What its weights have ever seen, those it started from included."""
        prints, split, before = self.slice_fingerprints, self.split, self.inherited
        return Seen(
            trained=tuple(dict.fromkeys([*(prints[z] for z in split.train), *before.trained])),
            validated=tuple(dict.fromkeys([*(prints[z] for z in split.validation), *before.validated])),
        )

    @property
    def weights(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def has_network(self) -> bool:
        """Whether it can predict other images, whatever became of its files."""
        return not self.info.members and self.info.outside is None

    def check_predicts(self, fingerprint: str, original: str = "") -> None:
        """Raises a `RunError` for a stack that it cannot predict and was not made of.

        Slices are known again when they are turned, and a prediction is not: only the very stack will do, or a
        corrected copy of it.

        Args:
            fingerprint: of the stack, labels and all.
            original: the fingerprint of the stack that it is a corrected copy of; empty if it is none.
        """
        if self.info.dataset_fingerprint not in (fingerprint, original):
            self.check_network()

    def check_network(self) -> None:
        """Raises a `RunError` if it has no network of its own, whatever became of its files."""
        if self.info.members:
            raise RunError(
                "the run averages the predictions of others and has no network of its own",
                path=self.folder,
                expected=f"one of {', '.join(self.info.members[:4])}",
            )
        if self.info.outside is not None:
            raise RunError(
                "the run is a prediction that another program made, and has no network",
                path=self.folder,
                found=self.info.outside.source,
                expected="a run that was trained here",
            )

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint" / "last.safetensors"

    @property
    def initial(self) -> Path:
        """The weights it began with, if they were another run's."""
        return self.folder / "checkpoint" / "initial.safetensors"

    @property
    def history_csv(self) -> Path:
        return self.folder / "history.csv"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def card(self) -> Path:
        return self.folder / "README.md"

    def evaluation(self, dataset: str, part: str = "test") -> Path:
        """Folder of the evaluation on a dataset; parts other than `test` have their own."""
        return evaluation_folder(self.folder, dataset, part)

    def evaluations(self) -> tuple[Path, ...]:
        """Folders of every evaluation there is, by name; not the hidden ones of an evaluation that is being written."""
        return tuple(sorted(path.parent for path in (self.folder / "evaluation").glob("[!.]*/summary.json")))

    def is_evaluated(self) -> bool:
        """Whether it is finished, and was evaluated after that on the slices that were kept for it."""
        if self.info.state != "finished":
            return False
        own = self.evaluation(self.info.dataset, "test" if self.split.test else "validation")
        try:
            evaluated = read_json(own / "summary.json", RunError)["facts"]["evaluated"]
        except (RunError, KeyError, TypeError):
            return False
        # Both are UTC in ISO 8601, which sorts by time.
        return str(evaluated) >= (self.info.ended or "")

    def parts(self) -> list[NetworkPart]:
        """The network part by part, in the order the data passes them; `RunError` for a damaged file."""
        path = self.folder / "network.json"
        values = read_json(path, RunError)
        if not isinstance(values, list):
            raise RunError("not a table of the network's parts", path=path, found=type(values).__name__)
        return [_described(NetworkPart, row, path) for row in values]

    def write_parts(self, parts: Sequence[NetworkPart]) -> None:
        """Keeps the table that describes the network."""
        write_json(self.folder / "network.json", [dataclasses.asdict(part) for part in parts])

    def history(self) -> list[EpochRecord]:
        """The epochs so far; `RunError` for a damaged file. A last line cut short is not an epoch yet."""
        return read_history(self.history_csv)

    def audit_split(self) -> LeakAudit:
        """Whether its own validation and test slices were trained on, and whether its test slices chose anything."""
        return self._as_known(audit_split(self.split, self.slice_fingerprints, self.inherited))

    def audit_slices(
        self,
        judged: Sequence[int],
        fingerprints: Sequence[str],
        borders: Collection[int] = (),
        *,
        in_bands: bool = False,
    ) -> LeakAudit:
        """Whether these slices of any stack, given all its fingerprints, were seen before; arguments as for `audit`."""
        found = audit(
            self.split, self.slice_fingerprints, judged, fingerprints, self.inherited, borders=borders,
            in_bands=in_bands,
        )  # fmt: skip
        return self._as_known(found)

    def _as_known(self, found: LeakAudit) -> LeakAudit:
        outside = self.info.outside
        return found if outside is None or outside.trained_on_known else dataclasses.replace(found, unknown=True)

    def learned_from(self, fingerprint: str, slice_fingerprints: Sequence[str]) -> bool:
        """Whether a stack, known by its fingerprints, is the one the run was trained on, to the last label.

        Raises:
            RunError: if it is, and the run's split is one of other slices.
        """
        if fingerprint != self.info.dataset_fingerprint:
            return False
        if self.slice_fingerprints != tuple(slice_fingerprints):
            raise RunError(
                "the slices are not those of the dataset the run names",
                path=self.folder / "split.json",
                found=f"other fingerprints of {len(self.slice_fingerprints)} slices",
                expected=f"those of the {len(slice_fingerprints)} slices of {self.info.dataset}",
            )
        return True

    def is_own(self, fingerprint: str, slice_fingerprints: Sequence[str], original: str = "") -> bool:
        """Whether a stack is the one the run was trained on, or has its slices in its order and other labels.

        What was held out of training is held out of it, too, whatever labels it is measured against. Slices are known
        again when they are turned, and rows are not: where a split holds back rows, a stack has to be the very same,
        or a corrected copy of it.

        Args:
            fingerprint: of the stack, labels and all.
            slice_fingerprints: of each of its slices.
            original: the fingerprint of the stack that it is a corrected copy of; empty if it is none.

        Raises:
            RunError: as in `learned_from`.
        """
        if self.learned_from(fingerprint, slice_fingerprints):
            return True
        if self.slice_fingerprints != tuple(slice_fingerprints):
            return False
        if self.split.bands is not None:
            return bool(original) and original == self.info.dataset_fingerprint
        return any(slice_fingerprints)  # blank slices have none

    def update(self, **changes: Any) -> Run:
        """The run with some of `run.json` changed, on disk too."""
        info = dataclasses.replace(self.info, **changes)
        write_json(self.folder / "run.json", dataclasses.asdict(info))
        return dataclasses.replace(self, info=info)


def models_root() -> Path:
    """Where runs lie: `SEGCORE_MODELS_DIR`, or `models` in the working directory."""
    return Path(os.environ.get("SEGCORE_MODELS_DIR") or "models")


def check_free(name: str, *, root: Path | None = None) -> None:
    """Raises a `StorageError` if a new run cannot have this name."""
    folder = (root or models_root()) / safe_name(name, "run")
    if os.path.lexists(folder):
        raise StorageError("there is already something of this name", path=folder, expected="a name that is not taken")


def create_run(
    name: str,
    *,
    config: RunConfig,
    split: Split,
    info: RunInfo,
    slice_fingerprints: Sequence[str],
    initial: Run | None = None,
    inherited: Seen = NOTHING,
    root: Path | None = None,
    held: ExitStack | None = None,
) -> Run:
    """Makes the folder of a new run, with the weights of `initial`; `StorageError` if the name is taken or not safe.

    What `initial` has seen is inherited; of a run without it, `inherited` says what others saw in its stead.
    With `held` it appears with its lock held, until that is closed: a run to be trained is never without its process.
    """
    folder = (root or models_root()) / safe_name(name, "run")
    with atomic_folder(folder) as making:
        if held is not None:
            held.enter_context(locked(making / _LOCK))
        write_json(making / "run.json", dataclasses.asdict(info))
        write_json(making / "config.json", to_dict(config))
        parts = split_to_dict(split) | {"slice_fingerprints": list(slice_fingerprints)}
        before = inherited if initial is None else initial.seen
        if before != NOTHING:
            parts |= {key: list(getattr(before, kind)) for key, kind in _INHERITED.items()}
        if initial is not None:
            (making / "checkpoint").mkdir()
            shutil.copyfile(initial.weights, making / "checkpoint" / "initial.safetensors")
        write_json(making / "split.json", parts)
        (making / "log.txt").touch()
    return open_run(name, root=root)


def open_run(name: str, *, root: Path | None = None) -> Run:
    """Opens a run by its name and checks every file that describes it.

    Raises:
        RunError: if the folder or a file is missing, damaged or of a newer format.
    """
    root = root or models_root()
    folder = root / safe_name(name, "run")
    if not folder.is_dir():
        there = ", ".join(run_names(root)) or "none"
        raise RunError("there is no such run", path=folder, expected=f"one of: {there}")
    values = read_json(folder / "run.json", RunError)
    if not isinstance(values, dict):
        raise RunError(
            "not a run description", path=folder / "run.json", found=type(values).__name__, expected="an object"
        )
    version = values.get("format_version")
    if type(version) is not int or version < 1:
        raise RunError(
            "no format version", path=folder / "run.json", found=version, expected=f"format {FORMAT_VERSION}"
        )
    if version > FORMAT_VERSION:
        raise RunError(
            "the run was written by a newer segcore",
            path=folder / "run.json",
            found=f"format {version}",
            expected=f"format {FORMAT_VERSION} or older; update segcore",
        )
    info = _described(RunInfo, values, folder / "run.json")
    config = _described(RunConfig, read_json(folder / "config.json", RunError), folder / "config.json")
    split_file = folder / "split.json"
    split_values = read_json(split_file, RunError)
    if not isinstance(split_values, dict):
        raise RunError("not a split", path=split_file, found=type(split_values).__name__, expected="an object")
    split = split_from_dict(split_values, path=str(split_file))
    prints = split_values.get("slice_fingerprints")
    if not isinstance(prints, list) or len(prints) != split.slices or not all(isinstance(one, str) for one in prints):
        raise RunError("slice fingerprints are missing", path=split_file, expected=f"{split.slices} of them")
    inherited = {}
    for key, kind in _INHERITED.items():  # runs of older versions have none or the first only
        there = split_values.get(key, [])
        if not isinstance(there, list) or not all(isinstance(one, str) for one in there):
            raise RunError("not a list of fingerprints", path=split_file, found=key, expected="what training wrote")
        inherited[kind] = tuple(there)
    return Run(
        folder=folder,
        info=info,
        config=config,
        split=split,
        slice_fingerprints=tuple(prints),
        inherited=Seen(**inherited),
    )


Described = TypeVar("Described")


def _described(kind: type[Described], values: object, path: Path) -> Described:
    try:
        return from_dict(kind, values)
    except ConfigError as error:
        expected = error.expected or "what training wrote"
        raise RunError(error.problem, path=path, found=error.found, expected=expected) from error


def threshold_value(run: Run, threshold: str | float) -> float:
    """The value of a threshold given as a number, or as the name of an operating point of the run.

    Raises:
        ConfigError: for a name that is no operating point.
        RunError: if the run has chosen no thresholds yet.
    """
    if isinstance(threshold, int | float):
        return float(threshold)
    if threshold not in ("pixel", "topology"):
        raise ConfigError("unknown threshold", found=threshold, expected="pixel, topology, or a number from 0 to 1")
    if run.info.operating_points is None:
        raise RunError(
            "the run has no thresholds yet",
            path=run.folder,
            found=f"state {run.info.state}",
            expected="a finished run, or a threshold from 0 to 1",
        )
    return run.info.operating_points.pixel if threshold == "pixel" else run.info.operating_points.topology


def evaluation_folder(run: Path, dataset: str, part: str) -> Path:
    """Where a run, by its folder, keeps the evaluation on a part of a dataset.

    `@` cannot stand in a dataset's name, so no two of them meet.
    """
    name = safe_name(dataset, "dataset")
    return run / "evaluation" / (name if part == "test" else f"{name}@{part}")


def run_names(root: Path | None = None) -> list[str]:
    """Names of the folders that hold a run, whole or not, in order."""
    root = root or models_root()
    found = {path.parent.name for file in _DESCRIPTIONS for path in root.glob(f"*/{file}")}
    return sorted(name for name in found if not name.startswith("."))
