"""Evaluation: predicting slices, measuring them against their labels, keeping and reporting what was measured.

In: a run and a dataset, or any images. Out: an evaluation folder, a report, predictions as files, or a model package.
May use: measures, segments, network (when something is predicted), data, runs, stacks."""

from segcore.evaluation.baselines import Baseline, all_interior, moved_boundaries
from segcore.evaluation.compared_measures import MEASURES, Measure, difference_unit
from segcore.evaluation.comparing import compare, may_be_compared
from segcore.evaluation.comparison import BLOCK, ENOUGH_BLOCKS, Comparison, Difference, Side, counted_with_harm
from segcore.evaluation.deciding import verdict
from segcore.evaluation.evaluating import Evaluated, evaluate, evaluate_prediction
from segcore.evaluation.folder import SEGMENTS, read_evaluation, stored_segment_points, write_evaluation
from segcore.evaluation.measured import (
    Evaluation,
    events_by_harm,
    events_by_slice,
    harm_by_slice,
    harm_is_known,
    harm_of_first,
    harm_said,
    how_made,
    summary,
)
from segcore.evaluation.model_package import ModelPackage, export_model
from segcore.evaluation.outside import Scored, score_outside
from segcore.evaluation.outside_values import PredictionKind, PredictionPolarity
from segcore.evaluation.predict_files import predict_stack, predict_to_files
from segcore.evaluation.relabelled import LabelScores, scores_with, stored_scores
from segcore.evaluation.report import collapse, evaluation_json, evaluation_text, run_overview, write_card
from segcore.evaluation.scoring import score
from segcore.evaluation.segment_table import segment_rows

__all__ = [
    "BLOCK",
    "ENOUGH_BLOCKS",
    "MEASURES",
    "SEGMENTS",
    "Baseline",
    "Comparison",
    "Difference",
    "Evaluated",
    "Evaluation",
    "LabelScores",
    "Measure",
    "ModelPackage",
    "PredictionKind",
    "PredictionPolarity",
    "Scored",
    "Side",
    "all_interior",
    "collapse",
    "compare",
    "counted_with_harm",
    "difference_unit",
    "evaluate",
    "evaluate_prediction",
    "evaluation_json",
    "evaluation_text",
    "events_by_harm",
    "events_by_slice",
    "export_model",
    "harm_by_slice",
    "harm_is_known",
    "harm_of_first",
    "harm_said",
    "how_made",
    "may_be_compared",
    "moved_boundaries",
    "predict_stack",
    "predict_to_files",
    "read_evaluation",
    "run_overview",
    "score",
    "score_outside",
    "scores_with",
    "segment_rows",
    "stored_scores",
    "stored_segment_points",
    "summary",
    "verdict",
    "write_card",
    "write_evaluation",
]
