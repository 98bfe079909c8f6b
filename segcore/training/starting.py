"""Starting a run, going on with one and ending it: from a new or interrupted run folder to a finished one."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from lightning_fabric import Fabric

from segcore.config import RunConfig
from segcore.data import Dataset
from segcore.errors import DataError, RunError, SegcoreError, TrainingError
from segcore.locking import is_locked, locked
from segcore.network import (
    is_out_of_memory,
    keep_freed_memory,
    load_network,
    load_weights,
    predict,
)
from segcore.runs import (
    OperatingPoints,
    Run,
    RunInfo,
    StatusWriter,
    check_free,
    create_run,
    now,
    open_run,
    split_of,
    spread,
    versions,
)
from segcore.segments import BIASES
from segcore.stacks import IGNORE, only_rows
from segcore.storage import storage_errors
from segcore.training.choosing_segments import choose_segments
from segcore.training.choosing_thresholds import choose_thresholds
from segcore.training.loop import Report, TrainingLoop
from segcore.training.machine import Machine, device_name, launch
from segcore.training.memory import samples_at_once
from segcore.training.sampling import tissue_pair

log = logging.getLogger("segcore.training.starting")


def train(
    dataset: Dataset,
    config: RunConfig,
    name: str,
    *,
    initial: Run | None = None,
    machine: Machine | None = None,
    report: Report | None = None,
) -> Run:
    """Trains a new run to its end.

    Args:
        dataset: a labelled stack.
        config: every setting.
        name: of the run folder; must be free.
        initial: a run of the same architecture, whose weights are copied and begun with; random ones if None.
        machine: devices and processes.
        report: called after each epoch with its record and the number of epochs.

    Returns:
        The finished run, with its operating points.

    Raises:
        DataError, ConfigError, StorageError: before anything is written.
        TrainingError: before anything is written if it does not fit into memory; later with what to change, and the
            folder stays, marked as failed.
        KeyboardInterrupt: handed on; the folder stays, marked as interrupted, and can be resumed.
    """
    if dataset.labels is None:
        raise DataError("the dataset has no labels to learn from", path=dataset.folder, expected="a labelled dataset")
    split = split_of(dataset.info, config)
    if initial is not None:
        load_weights(config.model, initial.weights)  # what does not fit is found before anything is written
    check_free(name)  # while there is one process, and nobody waits for it
    config.model.check_tile(config.prediction.tile_px)
    machine = machine or Machine()
    fabric = launch(machine, config.train)
    shape = (dataset.info.slices, dataset.info.height, dataset.info.width)
    at_once = samples_at_once(fabric, config, shape, machine.devices)
    with ExitStack() as held:
        if fabric.is_global_zero:
            info = RunInfo(
                dataset=dataset.info.name,
                dataset_fingerprint=dataset.info.fingerprint,
                synthetic=dataset.info.synthetic,
                seed=config.train.seed,
                started=now(),
                device=device_name(fabric),
                samples_at_once=at_once,
                versions=versions(),
                started_from="" if initial is None else initial.name,
            )
            create_run(
                name,
                config=config,
                split=split,
                info=info,
                slice_fingerprints=dataset.info.slice_fingerprints,
                initial=initial,
                held=held,
            )
        fabric.barrier()
        return _fit_and_choose(fabric, open_run(name), dataset, report)


def resume(run: Run, dataset: Dataset, *, machine: Machine | None = None, report: Report | None = None) -> Run:
    """Goes on with a run exactly where its last whole epoch ended. Arguments and errors as for `train`."""
    if run.info.state == "finished":
        raise RunError("the run is finished", path=run.folder, expected="an interrupted or failed run")
    if is_locked(run.lock):
        raise _in_use(run)
    # Not one with other labels: what goes on has to be the training that was begun.
    if not run.learned_from(dataset.info.fingerprint, dataset.info.slice_fingerprints):
        raise RunError(
            "the dataset is not the one the run was trained on",
            path=dataset.folder,
            found=dataset.info.fingerprint[:12],
            expected=run.info.dataset_fingerprint[:12],
        )
    run.config.model.check_tile(run.config.prediction.tile_px)
    fabric = launch(machine or Machine(), run.config.train)
    if run.info.epochs or run.checkpoint.exists():
        # What is damaged is found before anything in the folder changes.
        load_weights(run.config.model, run.weights)
        TrainingLoop(fabric, run, dataset, report).take_up()
    with ExitStack() as held:
        if fabric.is_global_zero and not held.enter_context(locked(run.lock, wait=False)):
            raise _in_use(run)
        return _fit_and_choose(fabric, run, dataset, report)


def conclude(run: Run, dataset: Dataset, *, accelerator: str = "auto") -> Run:
    """Gives a run that was stopped the thresholds of its best weights so far, so that it can be evaluated.

    It can be resumed afterwards as if nothing had been. Errors as for `resume`, and a `RunError` if no epoch was done.
    """
    keep_freed_memory()
    with locked(run.lock, wait=False) as alone, _log_to(run.log):
        if not alone:
            raise _in_use(run)
        points = _choose_operating_points(run, dataset, accelerator)
        log.info("stopped; thresholds so far: pixel %.3f, topology %.3f", points.pixel, points.topology)
        return open_run(run.name, root=run.folder.parent).update(
            state="interrupted", ended=now(), operating_points=points
        )


def _in_use(run: Run) -> RunError:
    return RunError("another process is training this run", path=run.folder, expected="to wait until it has ended")


def _fit_and_choose(fabric: Fabric, run: Run, dataset: Dataset, report: Report | None) -> Run:
    """Trains, then chooses thresholds, and leaves a true `run.json` however that ends. For the holder of its lock."""
    if fabric.is_global_zero:
        _lead(fabric, run, dataset, report)
    else:
        TrainingLoop(fabric, run, dataset, report).run_epochs()
    fabric.barrier()
    return open_run(run.name, root=run.folder.parent)


def _lead(fabric: Fabric, run: Run, dataset: Dataset, report: Report | None) -> None:
    """The part of the process that writes."""
    run = run.update(state="training", ended=None, message="")
    live = StatusWriter(run)
    with _log_to(run.log):
        try:
            live.tell("starting", run.info.epochs + 1, at_once=True)
            run = TrainingLoop(fabric, run, dataset, report, live).run_epochs()
            live.tell("choosing thresholds", run.info.epochs, at_once=True)
            points = _choose_operating_points(run, dataset, fabric.device.type)
            run = run.update(state="finished", ended=now(), operating_points=points)
            log.info("thresholds: pixel %.3f, topology %.3f", points.pixel, points.topology)
        except KeyboardInterrupt:
            log.warning("interrupted; go on with: train --resume %s", run.name)
            open_run(run.name, root=run.folder.parent).update(state="interrupted", ended=now())
            raise
        except Exception as error:
            failure = _explained(error, run)
            with suppress(SegcoreError):  # A full disk takes no note of itself.
                open_run(run.name, root=run.folder.parent).update(state="failed", ended=now(), message=str(failure))
            if failure is error:
                raise
            raise failure from error


def _explained(error: Exception, run: Run) -> Exception:
    """The error itself, or for a lack of memory one that says what to change."""
    if is_out_of_memory(error):
        train = run.config.train
        return TrainingError(
            "the device ran out of memory",
            found=f"{run.info.samples_at_once or train.batch_size} patches at once, train.patch_px={train.patch_px}",
            expected="a smaller train.samples_at_once, train.patch_px or model.width",
        )
    return error


class _RunLog(logging.FileHandler):
    """The log in a run's folder. Training does not end because a line of it could not be written."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Sends the log of segcore to a file as well."""
    logger = logging.getLogger("segcore")
    with storage_errors(path):
        handler = _RunLog(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    except Exception as error:
        # Who started the training is told by the error itself.
        handler.handle(logging.makeLogRecord({"levelno": logging.ERROR, "levelname": "ERROR", "msg": str(error)}))
        raise
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def _choose_operating_points(run: Run, dataset: Dataset, device: str) -> OperatingPoints:
    """Thresholds from the kept weights' probabilities on the validation slices, as they will be used."""
    assert dataset.labels is not None
    model = load_network(run.config.model, run.weights, device)
    slice_px = dataset.info.height * dataset.info.width
    slices = spread(run.split.validation, 4 * run.config.train.validation_megapixels, slice_px, at_least=3)
    log.info("choosing thresholds on %d of %d validation slices", len(slices), len(run.split.validation))
    looked_at = only_rows(dataset.labels, run.split.rows("validation"))
    images, labels = zip(*(tissue_pair(dataset.images, looked_at, index) for index in slices), strict=True)
    if all(len(set(np.unique(label).tolist()) - {IGNORE}) < 2 for label in labels):
        log.warning("the validation slices hold one class only: the thresholds were chosen on nothing that tells")
    probability = np.stack(list(predict(model, images, run.config.prediction)))
    numbers = None if dataset.numbers is None else np.stack([dataset.numbers[index] for index in slices])
    chosen = choose_thresholds(probability, np.stack(labels), numbers)
    segments = choose_segments(probability, np.stack(labels), numbers)
    if segments is not None:
        log.info(
            "segments: smoothing %g px, bias %.2f (V_Rand %.4f there; %d of %d biases are as good on these slices)",
            segments.point.smoothing_px, segments.point.bias, segments.v_rand, segments.flat, len(BIASES),
        )  # fmt: skip
    return dataclasses.replace(chosen, segments=None if segments is None else segments.point)
