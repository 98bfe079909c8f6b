"""Cross-validation: every slice predicted by networks that never saw it, and how sure its figures are.

In: a labelled dataset and settings. Out: a run a fold and seed, one run with all of their predictions, and a table.
Needs PyTorch only in the processes that train. May use: jobs, evaluation, measures, data, runs, stacks."""

from segcore.crossval.ensemble import ensemble_of
from segcore.crossval.plan import Member, Plan, make_plan
from segcore.crossval.results import BLOCK, MEASURES, CrossValidation, MemberScores, difference, read_results
from segcore.crossval.training import train_members

__all__ = [
    "BLOCK",
    "MEASURES",
    "CrossValidation",
    "Member",
    "MemberScores",
    "Plan",
    "difference",
    "ensemble_of",
    "make_plan",
    "read_results",
    "train_members",
]
