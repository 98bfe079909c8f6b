"""Training: samples, steps, epochs, checkpoints, and the thresholds chosen at the end.

In: a dataset and settings. Out: a finished or resumable run.
Needs PyTorch. May use: augmentation, measures, network, data, runs, stacks."""

from segcore.training.machine import Machine, is_lead_process, launch
from segcore.training.memory import needed_memory
from segcore.training.parts import parts_of
from segcore.training.pool import write_pool
from segcore.training.sampling import BatchMaker, Sample, epoch_samples
from segcore.training.speed import measure_speed
from segcore.training.starting import conclude, resume, train
from segcore.training.step import Learner
from segcore.training.terminal import epoch_report

__all__ = [
    "BatchMaker",
    "Learner",
    "Machine",
    "Sample",
    "conclude",
    "epoch_report",
    "epoch_samples",
    "is_lead_process",
    "launch",
    "measure_speed",
    "needed_memory",
    "parts_of",
    "resume",
    "train",
    "write_pool",
]
