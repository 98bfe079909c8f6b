"""What stands above the figures of a run that learned nothing."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

import torch
from reading import bugs, opened

from segcore.evaluation import evaluate
from segcore.network import load_network, save_weights
from segcore.runs import append_history


@pytest.fixture
def collapsed(mid_grey_run, cells):
    """Calls everything interior."""
    network = load_network(mid_grey_run.config.model, mid_grey_run.weights, "cpu")
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.fill_(10)
    save_weights(network, mid_grey_run.weights)
    evaluate(mid_grey_run, cells)
    return mid_grey_run


def test_a_collapsed_model_is_named_with_what_its_losses_did(collapsed):
    test = opened("errors", run=collapsed.name, dataset="cells")
    assert not bugs(test)
    said = next(one.value for one in test.error if "The model collapsed." in one.value)
    assert "Losses in 1 epoch: training 0.500, validation 0.400 (curves on the Training page)." in said
    second = dataclasses.replace(collapsed.history()[0], epoch=2, train_loss=0.499, validation_loss=0.25)
    append_history(collapsed.history_csv, second)
    said = next(one.value for one in test.run().error if "The model collapsed." in one.value)
    assert "Losses in 2 epochs: training 0.500 to 0.499, validation 0.400 to 0.250 (" in said
    assert any("see the Overview" in one.value for one in test.sidebar.error)


def test_without_a_history_nothing_is_said_of_losses(collapsed):
    collapsed.history_csv.unlink()
    test = opened("errors", run=collapsed.name, dataset="cells")
    assert not bugs(test)
    said = next(one.value for one in test.error if "The model collapsed." in one.value)
    assert said.endswith("Other figures mean little then.")
