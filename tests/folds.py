"""Runs of a cross-validation whose predictions were written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from segcore.config import ModelConfig, RunConfig
from segcore.crossval import Member, Plan
from segcore.data import Dataset
from segcore.evaluation import evaluate_prediction
from segcore.runs import OperatingPoints, Run, RunInfo, SegmentPoint, create_run, now, split_of
from segcore.stacks import StackWriter

CONFIG = RunConfig(model=ModelConfig(width=1, depth=2, normalisation="none"))


def members(
    plan: Plan,
    dataset: Dataset,
    pages: Callable[[Member, int], np.ndarray],
    thresholds: Sequence[tuple[float, float, float | None]],
) -> list[Run]:
    """A finished run for each member, which predicted `pages(member, z)` on its test slices.

    Of the thresholds the third one is the bias of its segments; None for a run that chose no settings of these.
    """
    runs = []
    for member, (pixel, topology, bias) in zip(plan.members, thresholds, strict=True):
        info = RunInfo(
            state="finished", dataset="cells", dataset_fingerprint=dataset.info.fingerprint, synthetic=True,
            seed=member.seed, started=now(), ended=now(), epochs=1, best_epoch=1, best_dice=0.9, parameters=107,
            train_seconds=60.0, device="CPU",
            operating_points=OperatingPoints(
                pixel=pixel, topology=topology,
                segments=None if bias is None else SegmentPoint(smoothing_px=1.0, bias=bias, smallest_px=5),
            ),
        )  # fmt: skip
        run = create_run(
            member.run, config=member.config, split=split_of(dataset.info, member.config), info=info,
            slice_fingerprints=dataset.info.slice_fingerprints,
        )  # fmt: skip
        path = run.folder / "made.tif"
        with StackWriter(path, height=45, width=52, slices=len(run.split.test)) as writer:
            for z in run.split.test:
                writer.write(pages(member, z))
        evaluate_prediction(run, dataset, path, part="test", slices=run.split.test)
        runs.append(run)
    return runs
