"""Evaluation: predicting slices, measuring them against their labels, keeping and reporting what was measured.

In: a run and a dataset, or any images. Out: an evaluation folder, a report, or predictions as files.
May use: measures, network (when something is predicted), data, runs, stacks."""

from segcore.evaluation.evaluating import Evaluated, evaluate
from segcore.evaluation.folder import read_evaluation, write_evaluation
from segcore.evaluation.predict_files import apply_run, predict_stack
from segcore.evaluation.report import evaluation_json, evaluation_text, run_overview, write_card
from segcore.evaluation.scoring import Evaluation, score
from segcore.evaluation.summing import pixel_measures, summary

__all__ = [
    "Evaluated",
    "Evaluation",
    "apply_run",
    "evaluate",
    "evaluation_json",
    "evaluation_text",
    "pixel_measures",
    "predict_stack",
    "read_evaluation",
    "run_overview",
    "score",
    "summary",
    "write_card",
    "write_evaluation",
]
