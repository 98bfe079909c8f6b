"""How a training tells of its epochs on a terminal, and to a log that is no terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from tqdm import tqdm

from segcore.runs import EpochRecord

log = logging.getLogger("segcore.training.terminal")


def epoch_report() -> Callable[[EpochRecord, int], None]:
    """A function that is told of each epoch: a bar on a terminal, a line elsewhere."""
    if not sys.stderr.isatty():
        return lambda record, epochs: log.info(
            "epoch %d/%d  loss %.4f  validation loss %.4f  Dice %.4f  accuracy %.4f  %.1f s",
            record.epoch,
            epochs,
            record.train_loss,
            record.validation_loss,
            record.validation_dice,
            record.validation_accuracy,
            record.seconds,
        )
    bar = tqdm(desc="train", unit="epoch")

    def show(record: EpochRecord, epochs: int) -> None:
        bar.total = epochs
        bar.set_postfix_str(f"loss {record.train_loss:.4f}, validation Dice {record.validation_dice:.4f}")
        bar.update(record.epoch - bar.n)
        if record.epoch == epochs:
            bar.close()

    return show
