"""Which runs a cross-validation has, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segcore.config import RunConfig
from segcore.errors import ConfigError
from segcore.storage import safe_name


@dataclass(frozen=True, kw_only=True)
class Member:
    """One run: the fold that it is judged by, counted from 0, and the seed it is trained with."""

    run: str
    fold: int
    seed: int
    config: RunConfig


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run for each fold and seed, and the name of the one that has all their predictions."""

    name: str
    dataset: str
    folds: int
    seeds: int
    members: tuple[Member, ...]

    @property
    def ensemble(self) -> str:
        """Name of that run."""
        return f"{self.name}-ensemble"


def make_plan(name: str, dataset: str, config: RunConfig, *, folds: int = 3, seeds: int = 1) -> Plan:
    """The runs of a cross-validation, fold by fold for one seed after another.

    More seeds add runs and leave the others as they are, so a cross-validation can grow.

    Args:
        name: the runs' names begin with it.
        dataset: name of the dataset.
        config: of every run but for its split and seed; the first seed is `config.train.seed`.
        folds: contiguous parts, each of which is the test part once.
        seeds: runs of each fold.

    Raises:
        ConfigError: fewer than two folds, no seed, or no gap between the parts.
        StorageError: if the name is not safe.
    """
    safe_name(name, "run")
    if folds < 2:
        raise ConfigError("a cross-validation needs folds", found=folds, expected="2 or more")
    if seeds < 1:
        raise ConfigError("a cross-validation needs a seed", found=seeds, expected="1 or more")
    if config.split.gap < 1:
        raise ConfigError(
            "without a gap networks are judged by neighbours of what they learned", found="split.gap=0",
            expected="split.gap=1 or more",
        )  # fmt: skip
    members = []
    for step in range(seeds):
        seed = config.train.seed + step
        for fold in range(folds):
            own = replace(
                config,
                split=replace(config.split, protocol="kfold", folds=folds, fold=fold),
                train=replace(config.train, seed=seed),
            )
            run = f"{name}-fold-{fold}" + (f"-seed-{seed}" if step else "")
            members.append(Member(run=run, fold=fold, seed=seed, config=own))
    return Plan(name=name, dataset=dataset, folds=folds, seeds=seeds, members=tuple(members))
