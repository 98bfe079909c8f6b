"""The training loop: epochs, validation, and what each leaves in the run folder."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from lightning_fabric import Fabric
from torch import Tensor

from segcore.data import Dataset
from segcore.errors import TrainingError
from segcore.network import save_weights
from segcore.runs import (
    EpochRecord,
    Previews,
    Run,
    StatusWriter,
    append_history,
    describe,
    memory_in_words,
    patches_an_epoch,
    write_history,
)
from segcore.stacks import only_rows
from segcore.training.checkpoint import LoopState, load_checkpoint, save_checkpoint
from segcore.training.memory import needed_memory
from segcore.training.parts import parts_of
from segcore.training.sampling import Sample, epoch_samples, validation_samples
from segcore.training.step import Learner
from segcore.training.tensorboard import event_file

log = logging.getLogger("segcore.training.loop")

Report = Callable[[EpochRecord, int], None]


class TrainingLoop:
    """The state of a training between epochs, and the epoch itself."""

    def __init__(
        self, fabric: Fabric, run: Run, dataset: Dataset, report: Report | None, live: StatusWriter | None = None
    ) -> None:
        assert dataset.labels is not None  # checked before a run was made
        self.fabric, self.run, self.report, self.live = fabric, run, report, live
        self.config = run.config.train
        self.state = LoopState()
        self.shape = (dataset.info.height, dataset.info.width)
        initial = run.initial if run.initial.exists() else None
        trained, looked_at = (only_rows(dataset.labels, run.split.rows(part)) for part in ("train", "validation"))
        self.learner = Learner(
            fabric, run.config, dataset.images, trained, initial, run.folder,
            validation_labels=None if run.split.bands is None else looked_at, at_once=run.info.samples_at_once,
        )  # fmt: skip
        self.validation = validation_samples(run.split, run.config, dataset.info.height * dataset.info.width)
        if not self.validation:
            raise TrainingError("no slice is left for validation", expected="a larger split.validation_fraction")
        samples = patches_an_epoch(run.split, self.config.epoch_samples)
        if samples < fabric.world_size:
            raise TrainingError(
                "an epoch has fewer patches than there are processes",
                found=f"{samples} patches, {fabric.world_size} processes",
                expected="a larger train.epoch_samples, more slices to train on, or fewer devices",
            )
        self.steps_an_epoch = math.ceil(samples / self.config.batch_size)
        self.parts = parts_of(range(min(samples, self.config.batch_size)), self.learner.at_once, fabric.world_size)
        self._check_batch_normalisation(samples, dataset.info.height, dataset.info.width)

    def _check_batch_normalisation(self, samples: int, height: int, width: int) -> None:
        """A single value has no variance, so the deepest level may not be one pixel of one patch."""
        patch, stride = self.config.patch_px or max(height, width), self.run.config.model.stride
        deepest = math.ceil(min(patch, height) / stride) * math.ceil(min(patch, width) / stride)
        last = samples % self.config.batch_size or self.config.batch_size
        processes = self.fabric.world_size
        least = min(map(len, [*self.parts, *parts_of(range(last), self.learner.at_once, processes)]))
        alone = least == 1 and processes == 1  # several processes normalise their patches together
        if self.run.config.model.normalisation == "batch" and deepest == 1 and alone:
            raise TrainingError(
                "batch normalisation would see a single pixel at the deepest level",
                found=f"patches of {min(patch, height)} x {min(patch, width)} pixels, one of them by itself",
                expected="a larger train.patch_px, a smaller model.depth, or model.normalisation=group",
            )

    def take_up(self) -> None:
        """Goes back to the state after the last whole epoch; errors as for `load_checkpoint`."""
        learner = self.learner
        self.state = load_checkpoint(self.run.checkpoint, learner.network, learner.average, learner.optimizer)

    def run_epochs(self) -> Run:
        """All epochs that are left; the run with what they brought."""
        if self.run.checkpoint.exists():
            self.take_up()
        board = None
        if self.fabric.is_global_zero:
            write_history(self.run.history_csv, self.state.history)
            height, width = self.shape
            self.run.write_parts(describe(self.run.config.model, height=height, width=width))
            board = event_file(self.run.folder / "tensorboard")
            log.info("training %s on %s", self.run.name, self.run.info.device)
            self._tell_memory()
        if self.live is not None:
            # A first step can take long; that it is under way can be seen.
            self.live.tell("training", self.state.epoch + 1, 0, self.steps_an_epoch, at_once=True)
        while self.state.epoch < self.config.epochs and not self._stalled():
            record = self._epoch(self.state.epoch + 1)
            self._finish_epoch(record)
            if board is not None:
                values = {key: value for key, value in dataclasses.asdict(record).items() if key != "epoch"}
                board.add(values, record.epoch)
            if self.report is not None and self.fabric.is_global_zero:
                self.report(record, self.config.epochs)
        if board is not None:
            board.close()
        return self.run

    def _tell_memory(self) -> None:
        """What it takes of each device, and what comes of taking batches in parts."""
        processes = self.fabric.world_size
        at_once = math.ceil(max(map(len, self.parts)) / processes)
        needed = needed_memory(self.fabric, self.run.config, *self.shape).of(at_once)
        each = f", in each of {processes} processes" if processes > 1 else ""
        log.info("%s%s", memory_in_words(needed, len(self.parts)), each)
        if len(self.parts) > 1 and self.run.config.model.normalisation == "batch":
            log.warning("batch normalisation normalises each part of a batch by itself")

    def _stalled(self) -> bool:
        waited = self.state.epoch - self.state.best_epoch
        if not self.config.early_stopping or waited < self.config.early_stopping:
            return False
        log.info("no better validation Dice in %d epochs: stopping early", waited)
        return True

    def _epoch(self, epoch: int) -> EpochRecord:
        started = time.perf_counter()
        # Dropout draws from the global generator; from here on it depends on the epoch alone.
        torch.manual_seed(self.config.seed * 1_000_003 + epoch)
        self.learner.model.train()
        samples = epoch_samples(self.run.split, self.run.config, epoch, height=self.shape[0])
        sums = torch.zeros(7, dtype=torch.float64, device=self.fabric.device)
        rate = 0.0
        for step, batch in enumerate(self._batches_of(samples)):
            rate = self._learning_rate((epoch - 1) * self.steps_an_epoch + step)
            sums += self.learner.step(batch, rate)
            if self.live is not None:
                self.live.tell("training", epoch, step + 1, self.steps_an_epoch)
        trained = self._totals(sums, f"in epoch {epoch}")
        validated = self._validate(epoch)
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

    def _learning_rate(self, step: int) -> float:
        config = self.config
        rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup_steps))
        if config.schedule == "plateau":
            return rate * self.state.plateau.scale
        if config.schedule == "cosine":
            passed = step / max(1, config.epochs * self.steps_an_epoch - 1)
            return rate * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, passed))) / 2)
        return rate

    def _validate(self, epoch: int) -> tuple[float, float, float]:
        if self.live is not None:
            self.live.tell("validating", epoch, self.steps_an_epoch, self.steps_an_epoch)
            previews = Previews(self.run)
            if previews.wanted(epoch):
                self._preview(previews, epoch)
        return self._totals(self.learner.validate(self.validation), "on the validation slices")

    def _preview(self, previews: Previews, epoch: int) -> None:
        """Shows what the network sees by now of a slice it does not learn from."""
        sample = self.validation[0]
        previews.write(epoch, sample.source, self.learner.probability(sample))
        previews.write_slice(sample.source, *self.learner.planes(sample))

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

    def _finish_epoch(self, record: EpochRecord) -> None:
        """Keeps what the epoch brought: best weights, a row of history, then the checkpoint.

        In this order a training killed anywhere in between is resumed from the epoch before, and
        does again what was written already.
        """
        state, learner = self.state, self.learner
        state.epoch = record.epoch
        state.history.append(record)
        state.plateau.observe(record.validation_loss, self.config)
        better = record.validation_dice > state.best_dice
        if better:
            state.best_epoch, state.best_dice = record.epoch, record.validation_dice
        if self.fabric.is_global_zero:
            if better:
                save_weights(learner.kept, self.run.weights)
            append_history(self.run.history_csv, record)
            save_checkpoint(self.run.checkpoint, learner.network, learner.average, learner.optimizer, state)
            self.run = self.run.update(
                epochs=record.epoch,
                best_epoch=state.best_epoch,
                best_dice=state.best_dice,
                train_seconds=sum(row.seconds for row in state.history),
                parameters=sum(parameter.numel() for parameter in learner.network.parameters()),
            )
        self.fabric.barrier()
