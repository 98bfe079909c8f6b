"""Trainings and evaluations that go on by themselves: their queue, processes, cluster, and how long a training takes.

In: requests from the app or the command line. Out: trained and evaluated runs.
May use: training and evaluation (in the process of a job), data, runs."""

from segcore.jobs.cluster import cluster_file
from segcore.jobs.cluster_runner import follow
from segcore.jobs.estimate import measure, start_measuring, train_memory, train_seconds, why_not_measured
from segcore.jobs.job import LANES, Job, Lane, device_lane
from segcore.jobs.local_runner import run_lane
from segcore.jobs.queue import ARCHITECTURE, JobQueue, free_run_name, refuse_when_read_only
from segcore.jobs.task import conclude_job, run_job, train_and_judge

__all__ = [
    "ARCHITECTURE",
    "LANES",
    "Job",
    "JobQueue",
    "Lane",
    "cluster_file",
    "conclude_job",
    "device_lane",
    "follow",
    "free_run_name",
    "measure",
    "refuse_when_read_only",
    "run_job",
    "run_lane",
    "start_measuring",
    "train_and_judge",
    "train_memory",
    "train_seconds",
    "why_not_measured",
]
