"""The chart of a training, or of several: which lines it has, what they say, and where its plots stand."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from dashboard.figures.by_epoch import learning_curves
from dashboard.figures.colours import BLUE, GREY, ORANGE, VERMILION
from segcore.runs import EpochRecord

DICE = (0.1, 0.2, 0.6, 0.2, 0.1)


def history(epochs: int = 5, *, before: int = 0) -> list[EpochRecord]:
    return [
        EpochRecord(
            epoch=before + at + 1, train_loss=1 - DICE[at], train_dice=DICE[at], train_accuracy=0.5,
            validation_loss=0.9 - DICE[at], validation_dice=DICE[at] + 0.1, validation_accuracy=0.6,
            learning_rate=1e-3, seconds=2 + at,
        )
        for at in range(epochs)
    ]  # fmt: skip


def drawn(histories: dict[str, list[EpochRecord]], *, best: int = 3, log: bool = False, smoothing: int = 1) -> Any:
    return learning_curves(histories, best=dict.fromkeys(histories, best), log=log, smoothing=smoothing)


def on(figure: Any, axis: str) -> list[Any]:
    return [one for one in figure.data if one.yaxis == axis and one.mode == "lines"]


def legend(figure: Any) -> list[tuple[str, str]]:
    return [(one.name, one.legendgroup) for one in figure.data if one.showlegend]


def test_one_run_has_a_colour_for_each_part_and_one_legend_for_all_plots():
    figure = drawn({"mine": history()})
    assert legend(figure) == [("training", "train"), ("validation", "validation"), ("kept epoch 3", "kept")]
    assert [(one.line.color, one.line.dash) for one in on(figure, "y")] == [(BLUE, "dot"), (ORANGE, "solid")]
    for axis in ("y", "y2", "y3"):
        assert [one.legendgroup for one in on(figure, axis)] == ["train", "validation"]
    for axis in ("y4", "y5"):
        assert [(one.line.color, one.showlegend) for one in on(figure, axis)] == [(GREY, False)]
    assert [one.y for one in on(figure, "y5")] == [(2, 3, 4, 5, 6)]
    stars = [one for one in figure.data if one.marker.symbol == "star"]
    assert [(one.yaxis, *one.x) for one in stars] == [("y", 3), ("y2", 3), ("y3", 3)]
    assert stars[1].y == (DICE[2] + 0.1,)


def test_several_runs_have_a_colour_each_and_one_line_speaks_for_both_parts():
    figure = drawn({"one": history(), "two": history(3)})
    assert legend(figure) == [("one", "one"), ("two", "two")]
    assert {one.line.color for one in on(figure, "y2") if one.legendgroup == "two"} == {VERMILION}
    speaking = [one for one in on(figure, "y2") if one.hoverinfo != "skip"]
    assert [one.line.dash for one in speaking] == ["solid", "solid"]
    assert speaking[1].customdata[1] == [DICE[1] + 0.1, DICE[1]]
    assert "training %{customdata[1]" in speaking[1].hovertemplate


def test_all_plots_share_their_epochs_and_none_is_low():
    for names in (["one"], [f"run {number}" for number in range(6)]):
        figure = drawn({name: history() for name in names})
        layout = figure.layout
        assert {one.xaxis for one in figure.data} <= {None, "x"}
        assert (layout.hovermode, layout.hoversubplots, layout.xaxis.spikemode) == ("x", "axis", "across")
        inner = layout.height - layout.margin.t - layout.margin.b
        axes = [layout[f"yaxis{number or ''}"] for number in (0, 2, 3, 4, 5)]
        heights = [inner * (axis.domain[1] - axis.domain[0]) for axis in axes]
        assert heights == pytest.approx([230] * 5)
        assert all(upper.domain[0] > lower.domain[1] for upper, lower in itertools.pairwise(axes))
        assert [one.y for one in layout.annotations] == [axis.domain[1] for axis in axes]


def test_smoothing_draws_means_and_leaves_the_values_faintly_there_and_in_the_numbers():
    raw = drawn({"mine": history()})
    figure = drawn({"mine": history()}, smoothing=3)
    faint, mean = (one for one in on(figure, "y2") if one.line.dash == "dot")
    assert (faint.y, faint.opacity, faint.hoverinfo, faint.showlegend) == (DICE, 0.3, "skip", False)
    assert mean.y == pytest.approx((0.1, 0.3, 1 / 3, 0.3, 0.1))
    assert mean.customdata == DICE
    assert legend(figure) == legend(raw)
    assert [one.y for one in figure.data if one.mode == "markers"] == [
        one.y for one in raw.data if one.mode == "markers"
    ]
    assert not [one for one in raw.data if one.opacity is not None]


def test_a_single_epoch_is_a_dot_and_is_not_smoothed():
    figure = drawn({"mine": history(1)}, best=1, smoothing=9)
    assert {one.mode for one in figure.data} == {"markers"}
    assert len(figure.data) == 2 * 3 + 2 + 3  # two parts of three plots, two plots, three stars
    assert figure.layout.xaxis.dtick == 1


def test_an_axis_is_logarithmic_only_where_that_makes_sense():
    layout = drawn({"mine": history()}, log=True).layout
    assert [layout[f"yaxis{number or ''}"].type for number in (0, 2, 3, 4, 5)] == [
        "log", "linear", "linear", "log", "log",
    ]  # fmt: skip


def test_names_are_cut_in_the_middle_and_are_no_markup():
    names = [f"isbi2012-standard-with-more-{which}" for which in ("dropout", "patches")] + ["<b>bold</b>"]
    shown = [name for name, _ in legend(drawn({name: history() for name in names}))]
    assert shown == ["isbi2012-s…-more-dropout", "isbi2012-s…-more-patches", "&lt;b&gt;bold&lt;/b&gt;"]
