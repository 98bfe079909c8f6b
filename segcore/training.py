"""Training a run: one loop, from a new or interrupted run folder to a finished one."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from segcore.augment import AugmentedBatch
from segcore.checkpoint import Progress, load_checkpoint, save_checkpoint
from segcore.config import RunConfig, TrainConfig
from segcore.datasets import Dataset
from segcore.errors import ConfigError, DataError, RunError, SegcoreError, TrainingError
from segcore.event_file import EventFile
from segcore.losses import segmentation_loss, training_counts
from segcore.prediction import (
    choose_device,
    is_out_of_memory,
    keep_freed_memory,
    load_network,
    load_weights,
    predict,
    save_weights,
)
from segcore.runs import (
    EpochRecord,
    OperatingPoints,
    Run,
    RunInfo,
    append_history,
    check_free,
    create_run,
    now,
    open_run,
    versions,
    write_history,
)
from segcore.sampling import BatchMaker, Sample, epoch_samples, validation_samples
from segcore.scoring import choose_thresholds
from segcore.splits import make_split
from segcore.storage import storage_errors
from segcore.unet import UNet, describe, scale_intensity

log = logging.getLogger("segcore.training")

Report = Callable[[EpochRecord, int], None]

# Side of what is validated at once, pixels.
_VALIDATION_PX = 1024


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a training runs.

    Attributes:
        accelerator: `auto` takes a GPU where there is one.
        devices: processes on this machine, one a device.
        nodes: machines.
    """

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = 1
    nodes: int = 1


def train(
    dataset: Dataset,
    config: RunConfig,
    name: str,
    *,
    machine: Machine | None = None,
    report: Report | None = None,
) -> Run:
    """Trains a new run to its end.

    Args:
        dataset: a labelled stack.
        config: every setting.
        name: of the run folder; must be free.
        machine: devices and processes.
        report: called after each epoch with its record and the number of epochs.

    Returns:
        The finished run, with its operating points.

    Raises:
        DataError, ConfigError, StorageError: before anything is written.
        TrainingError: with what to change; the folder stays, marked as failed.
        KeyboardInterrupt: handed on; the folder stays, marked as interrupted, and can be resumed.
    """
    if dataset.labels is None:
        raise DataError("the dataset has no labels to learn from", path=dataset.folder, expected="a labelled dataset")
    split = make_split(dataset.info.slices, config.split, seed=config.train.seed)
    check_free(name)  # while there is one process, and nobody waits for it
    fabric = _launch(machine or Machine(), config.train)
    if fabric.is_global_zero:
        info = RunInfo(
            dataset=dataset.info.name,
            dataset_fingerprint=dataset.info.fingerprint,
            synthetic=dataset.info.synthetic,
            seed=config.train.seed,
            started=now(),
            device=_device_name(fabric),
            versions=versions(),
        )
        create_run(name, config=config, split=split, info=info, slice_fingerprints=dataset.info.slice_fingerprints)
    fabric.barrier()
    return _fit_and_choose(fabric, open_run(name), dataset, report)


def resume(run: Run, dataset: Dataset, *, machine: Machine | None = None, report: Report | None = None) -> Run:
    """Goes on with a run exactly where its last whole epoch ended. Arguments and errors as for `train`."""
    if run.info.state == "finished":
        raise RunError("the run is finished", path=run.folder, expected="an interrupted or failed run")
    if not run.is_own(dataset.info.fingerprint, dataset.info.slice_fingerprints):
        raise RunError(
            "the dataset is not the one the run was trained on",
            path=dataset.folder,
            found=dataset.info.fingerprint[:12],
            expected=run.info.dataset_fingerprint[:12],
        )
    fabric = _launch(machine or Machine(), run.config.train)
    if run.info.epochs or run.checkpoint.exists():
        # What is damaged is found before anything in the folder changes.
        load_weights(run.config.model, run.weights)
        _Fit(fabric, run, dataset, report).take_up()
    return _fit_and_choose(fabric, run, dataset, report)


def _launch(machine: Machine, config: TrainConfig) -> Fabric:
    processes = machine.devices * machine.nodes
    if config.batch_size < processes:
        raise ConfigError(
            "a step has fewer patches than there are processes",
            found=f"train.batch_size={config.batch_size}, {processes} processes",
            expected=f"train.batch_size={processes} or more, or fewer devices",
        )
    accelerator = choose_device(machine.accelerator).type
    there = torch.cuda.device_count() if accelerator == "cuda" else max(2, os.cpu_count() or 1)
    if machine.devices > there:
        raise ConfigError("there are not as many devices here", found=machine.devices, expected=f"at most {there}")
    keep_freed_memory()
    for noisy in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    fabric = Fabric(
        # Not Fabric's `auto`, which takes other accelerators too; they lack the float64 of the counts.
        accelerator=accelerator,
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy="ddp" if processes > 1 else "auto",
        precision="bf16-mixed" if trains_in_bfloat16(machine.accelerator, config.precision) else "32-true",
    )
    fabric.launch()
    return fabric


def is_lead_process() -> bool:
    """Whether this is the process that writes: the only one, or the first of several."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def trains_in_bfloat16(accelerator: str, precision: str) -> bool:
    """Whether to train in bfloat16: where the hardware multiplies it itself, or where it is asked for."""
    if precision != "auto":
        return precision == "bf16"
    if accelerator != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _device_name(fabric: Fabric) -> str:
    one = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else "CPU"
    if one == "CPU":
        one = f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
    return one if fabric.world_size == 1 else f"{fabric.world_size} x {one}"


def _fit_and_choose(fabric: Fabric, run: Run, dataset: Dataset, report: Report | None) -> Run:
    """Trains, then chooses thresholds, and leaves a true `run.json` however that ends."""
    lead = fabric.is_global_zero
    if lead:
        run = run.update(state="training", ended=None, message="")
    with _log_to(run.log if lead else None):
        try:
            run = _Fit(fabric, run, dataset, report).run_epochs()
            if lead:
                log.info("choosing thresholds on %d validation slices", len(run.split.validation))
                points = _choose_operating_points(run, dataset, fabric.device)
                run = run.update(state="finished", ended=now(), operating_points=points)
                log.info("thresholds: pixel %.3f, topology %.3f", points.pixel, points.topology)
        except KeyboardInterrupt:
            log.warning("interrupted; go on with: train --resume %s", run.name)
            if lead:
                open_run(run.name, root=run.folder.parent).update(state="interrupted", ended=now())
            raise
        except Exception as error:
            failure = _explained(error, run)
            if lead:
                with suppress(SegcoreError):  # A full disk takes no note of itself.
                    open_run(run.name, root=run.folder.parent).update(state="failed", ended=now(), message=str(failure))
            if failure is error:
                raise
            raise failure from error
    fabric.barrier()
    return open_run(run.name, root=run.folder.parent)


def _explained(error: Exception, run: Run) -> Exception:
    """The error itself, or for a lack of memory one that says what to change."""
    if is_out_of_memory(error):
        train = run.config.train
        return TrainingError(
            "the device ran out of memory",
            found=f"train.batch_size={train.batch_size}, train.patch_px={train.patch_px}",
            expected="a smaller train.batch_size, train.patch_px or model.width",
        )
    return error


class _RunLog(logging.FileHandler):
    """The log in a run's folder. Training does not end because a line of it could not be written."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def _log_to(path: Path | None) -> Iterator[None]:
    """Sends the log of segcore to a file as well."""
    if path is None:
        yield
        return
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


class _Fit:
    """The state of a training between epochs, and the epoch itself."""

    def __init__(self, fabric: Fabric, run: Run, dataset: Dataset, report: Report | None) -> None:
        assert dataset.labels is not None  # checked before a run was made
        self.fabric, self.run, self.report = fabric, run, report
        self.config = run.config.train
        self.progress = Progress()
        self.shape = (dataset.info.height, dataset.info.width)
        torch.manual_seed(self.config.seed)
        self.network = UNet(run.config.model)
        if fabric.device.type == "cuda" and fabric.world_size > 1:
            self.network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(self.network)  # type: ignore[no-untyped-call]
        self.network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = (
            AveragedModel(
                self.network,
                multi_avg_fn=get_ema_multi_avg_fn(self.config.ema_decay),  # type: ignore[no-untyped-call]
                use_buffers=True,
            )
            if self.config.ema_decay
            else None
        )
        if self.config.compile:
            self.network.compile()
        self.model, self.optimizer = fabric.setup(self.network, _optimizer(self.network, self.config))
        self.batches = BatchMaker(dataset.images, dataset.labels, run.config, fabric.device)
        self.validation = validation_samples(run.split, run.config)
        if not self.validation:
            raise TrainingError("no slice is left for validation", expected="a larger split.validation_fraction")
        samples = len(epoch_samples(run.split, run.config, epoch=1)) if run.split.train else 0
        if samples < fabric.world_size:
            raise TrainingError(
                "an epoch has fewer patches than there are processes",
                found=f"{samples} patches, {fabric.world_size} processes",
                expected="a larger train.epoch_samples, more slices to train on, or fewer devices",
            )
        self.steps_an_epoch = math.ceil(samples / self.config.batch_size)
        self._check_batch_normalisation(samples, dataset.info.height, dataset.info.width)

    def _check_batch_normalisation(self, samples: int, height: int, width: int) -> None:
        """A single value has no variance, so the deepest level may not be one pixel of one patch."""
        patch, stride = self.config.patch_px or max(height, width), self.network.stride
        deepest = math.ceil(min(patch, height) / stride) * math.ceil(min(patch, width) / stride)
        last = samples % self.config.batch_size or self.config.batch_size
        alone = min(last, self.config.batch_size) <= self.fabric.world_size
        if self.run.config.model.normalisation == "batch" and deepest == 1 and alone:
            raise TrainingError(
                "batch normalisation would see a single pixel at the deepest level",
                found=f"patches of {min(patch, height)} x {min(patch, width)} pixels, {last} in the last batch",
                expected="a larger train.patch_px, a smaller model.depth, or model.normalisation=group",
            )

    def take_up(self) -> None:
        """Goes back to the state after the last whole epoch; errors as for `load_checkpoint`."""
        self.progress = load_checkpoint(self.run.checkpoint, self.network, self.average, self.optimizer)

    def run_epochs(self) -> Run:
        """All epochs that are left; the run with what they brought."""
        if self.run.checkpoint.exists():
            self.take_up()
        board = None
        if self.fabric.is_global_zero:
            write_history(self.run.history_csv, self.progress.history)
            height, width = self.shape
            self.run.write_levels(describe(self.run.config.model, height=height, width=width))
            board = EventFile(self.run.folder / "tensorboard")
            log.info("training %s on %s", self.run.name, self.run.info.device)
        while self.progress.epoch < self.config.epochs and not self._stalled():
            record = self._epoch(self.progress.epoch + 1)
            self._finish_epoch(record)
            if board is not None:
                values = {key: value for key, value in dataclasses.asdict(record).items() if key != "epoch"}
                board.add(values, record.epoch)
            if self.report is not None and self.fabric.is_global_zero:
                self.report(record, self.config.epochs)
        if board is not None:
            board.close()
        return self.run

    def _stalled(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        if not self.config.early_stopping or waited < self.config.early_stopping:
            return False
        log.info("no better validation Dice in %d epochs: stopping early", waited)
        return True

    def _epoch(self, epoch: int) -> EpochRecord:
        started = time.perf_counter()
        # Dropout draws from the global generator; from here on it depends on the epoch alone.
        torch.manual_seed(self.config.seed * 1_000_003 + epoch)
        self.model.train()
        samples = epoch_samples(self.run.split, self.run.config, epoch)
        sums = torch.zeros(7, dtype=torch.float64, device=self.fabric.device)
        rate = 0.0
        for step, batch in enumerate(self._batches_of(samples)):
            rate = self._learning_rate((epoch - 1) * self.steps_an_epoch + step)
            sums += self._step(batch, rate)
        trained = self._totals(sums, f"in epoch {epoch}")
        validated = self._validate()
        return EpochRecord(
            epoch=epoch,
            train_loss=trained[0],
            train_dice=trained[1],
            train_accuracy=trained[2],
            validation_loss=validated[0],
            validation_dice=validated[1],
            validation_accuracy=validated[2],
            learning_rate=rate,
            seconds=time.perf_counter() - started,
        )

    def _batches_of(self, samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
        """Global batches; a last one too small to give every process a sample is left out."""
        size = self.config.batch_size
        for start in range(0, len(samples), size):
            batch = samples[start : start + size]
            if len(batch) >= self.fabric.world_size:
                yield batch

    def _step(self, batch: Sequence[Sample], rate: float) -> Tensor:
        """One step on this process's share of a global batch; sums for the epoch's record."""
        mine = batch[self.fabric.global_rank :: self.fabric.world_size]
        made = self.batches.make(mine, patch_px=self.config.patch_px)
        images = scale_intensity(made.images, self.run.config.model.intensity)
        logits = self.model(images.contiguous(memory_format=torch.channels_last))
        loss = segmentation_loss(logits, made.labels, self.run.config.loss, made.weights)
        # Gradients are averaged over processes; shares need not be equal.
        self.fabric.backward(loss * (len(mine) * self.fabric.world_size / len(batch)))
        if self.config.gradient_clip:
            self.fabric.clip_gradients(
                self.model, self.optimizer, max_norm=self.config.gradient_clip, error_if_nonfinite=False
            )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update_parameters(self.network)
        return _sums_of(loss.detach(), logits.detach(), made.labels)

    def _learning_rate(self, step: int) -> float:
        config = self.config
        rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup_steps))
        if config.schedule == "plateau":
            return rate * self.progress.plateau.scale
        if config.schedule == "cosine":
            passed = step / max(1, config.epochs * self.steps_an_epoch - 1)
            return rate * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, passed))) / 2)
        return rate

    @torch.no_grad()
    def _validate(self) -> tuple[float, float, float]:
        model = self._kept()
        model.eval()
        sums = torch.zeros(7, dtype=torch.float64, device=self.fabric.device)
        for sample in self.validation[self.fabric.global_rank :: self.fabric.world_size]:
            whole = self.batches.make([sample], patch_px=0)
            # As prediction does: the slice is scaled as a whole, and cut afterwards.
            scaled = scale_intensity(whole.images, self.run.config.model.intensity)
            for made in _blocks(dataclasses.replace(whole, images=scaled)):
                with self.fabric.autocast():
                    logits = model(made.images.contiguous(memory_format=torch.channels_last))
                loss = segmentation_loss(logits, made.labels, self.run.config.loss, made.weights)
                sums += _sums_of(loss, logits, made.labels)
        return self._totals(sums, "on the validation slices")

    def _totals(self, sums: Tensor, where: str) -> tuple[float, float, float]:
        """Loss, Dice and binary accuracy from the sums of all processes."""
        total = self.fabric.all_reduce(sums, reduce_op="sum")
        assert isinstance(total, Tensor)
        loss, images, found, predicted, in_label, right, pixels = total.tolist()
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became not a number {where}",
                found=f"train.learning_rate={self.config.learning_rate:g}",
                expected="a lower train.learning_rate, or train.gradient_clip=1 and train.precision=32",
            )
        return loss / images, 2 * found / max(1.0, predicted + in_label), right / pixels

    def _kept(self) -> UNet:
        """The network whose weights are validated and kept."""
        kept = self.network if self.average is None else self.average.module
        assert isinstance(kept, UNet)
        return kept

    def _finish_epoch(self, record: EpochRecord) -> None:
        """Keeps what the epoch brought: best weights, a row of history, then the checkpoint.

        In this order a training killed anywhere in between is resumed from the epoch before, and
        does again what was written already.
        """
        progress = self.progress
        progress.epoch = record.epoch
        progress.history.append(record)
        progress.plateau.observe(record.validation_loss, self.config)
        better = record.validation_dice > progress.best_dice
        if better:
            progress.best_epoch, progress.best_dice = record.epoch, record.validation_dice
        if self.fabric.is_global_zero:
            if better:
                save_weights(self._kept(), self.run.weights)
            append_history(self.run.history_csv, record)
            save_checkpoint(self.run.checkpoint, self.network, self.average, self.optimizer, progress)
            self.run = self.run.update(
                epochs=record.epoch,
                best_epoch=progress.best_epoch,
                best_dice=progress.best_dice,
                train_seconds=sum(row.seconds for row in progress.history),
                parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            )
        self.fabric.barrier()


def _optimizer(network: UNet, config: TrainConfig) -> torch.optim.Optimizer:
    if config.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.Adam(network.parameters(), lr=config.learning_rate)


def _sums_of(loss: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
    """(7,) float64: loss times images, images, the four of `training_counts`, pixels."""
    images = float(len(labels))
    head = torch.stack([loss.double() * images, loss.new_tensor(images).double()])
    return torch.cat([head, training_counts(logits, labels), loss.new_tensor([labels.numel()], dtype=torch.float64)])


def _blocks(batch: AugmentedBatch) -> Iterator[AugmentedBatch]:
    """The batch in squares of at most `_VALIDATION_PX`, so that a large slice fits into memory."""
    for top in range(0, batch.images.shape[-2], _VALIDATION_PX):
        for left in range(0, batch.images.shape[-1], _VALIDATION_PX):
            window = (..., slice(top, top + _VALIDATION_PX), slice(left, left + _VALIDATION_PX))
            yield AugmentedBatch(
                images=batch.images[window],
                labels=batch.labels[window],
                weights=None if batch.weights is None else batch.weights[window],
            )


def _choose_operating_points(run: Run, dataset: Dataset, device: torch.device) -> OperatingPoints:
    """Thresholds from the kept weights' probabilities on the validation slices, as they will be used."""
    assert dataset.labels is not None
    model = load_network(run, device)
    slices = list(run.split.validation)
    images = (dataset.images[index] for index in slices)
    probability = np.stack(list(predict(model, images, run.config.prediction)))
    chosen = choose_thresholds(probability, dataset.labels[slices])
    return OperatingPoints(pixel=chosen.pixel, topology=chosen.topology)
