"""What is said of an evaluation, in every state it can be in."""

import dataclasses

import numpy as np

from segcore.evaluation import score, verdict
from segcore.runs import SegmentPoint
from segcore.stacks import array_stack


def evaluated(labels, predictions, points=(), **thresholds):
    labels, predictions = (np.asarray(one, np.uint8) for one in (labels, predictions))
    return score(
        array_stack(predictions), array_stack(labels), slices=range(4, 4 + len(labels)) if len(labels) > 9 else
        range(len(labels)), names=[str(z) for z in range(len(labels))], thresholds=thresholds or {"pixel": 0.5},
        segment_points=points, workers=1,
    )  # fmt: skip


def rooms():
    """Four rooms of 30 x 30 in a slice, and a prediction in which one wall has a wide gap."""
    label = np.full((62, 62), 255, np.uint8)
    label[30:32] = label[:, 30:32] = 0
    prediction = label.copy()
    prediction[5:25, 30:32] = 255
    return label, prediction


POINT = SegmentPoint(smoothing_px=1.0, bias=0.5, smallest_px=25)


def test_neurites_harm_and_settings():
    label, prediction = rooms()
    found = evaluated([label, label], [prediction, label], [POINT] * 2, pixel=0.5, topology=0.75)
    first, harm, settings = verdict(found, which="test")
    assert first.startswith("V_Rand of its segments is 0.")
    assert "mean over 2 test slices (1 is perfect, 0.4" in first  # 2 x 1/4 / (1/4 + 1)
    assert "at the pixel threshold 0.500" in first
    assert "at the topology threshold 0.750" in first
    assert harm == "The prediction has 0 splits and 1 merge; slice 0 has 100 % of all harm."
    assert "segments (smoothing 1 px, bias 0.5) to outline and count neurites" in settings
    assert "% of the pixels wrong, 40 px) and the topology" in settings


def test_slices_with_their_own_settings_are_named():
    label, prediction = rooms()
    other = SegmentPoint(smoothing_px=2.0, bias=0.35, smallest_px=25)
    *_, settings = verdict(evaluated([label] * 3, [prediction] * 3, [POINT, other, POINT]), which="test")
    assert "segments (smoothing 1 px, bias 0.5 in slices 0, 2; smoothing 2 px, bias 0.35 in slices 1) to" in settings


def test_a_perfect_prediction():
    label, _ = rooms()
    said = verdict(evaluated([label], [label]), which="test")
    assert (
        said[0] == "V_Rand of the prediction is 1.000 at the pixel threshold 0.500 in test slice 0 (1 is "
        "perfect, 0.400 is one segment for everything)."
    )
    assert said[1] == "No neurite was split or merged."
    assert "(0.00 % of the pixels wrong, 0 px)" in said[2]


def test_what_is_worse_than_nothing_is_not_recommended():
    label, _ = rooms()
    prediction = np.full_like(label, 255)
    prediction[0, 0] = 0  # one wrong pixel more than everything called interior
    *_, settings = verdict(evaluated([label], [prediction]), which="test")
    assert "measure areas" not in settings
    assert settings == "By pixels it is no better than calling everything interior, of which 6.35 % are wrong."


def test_segments_that_masks_outdo_are_not_recommended():
    label, _ = rooms()
    # A threshold finds every wall; one segment for all is what so large a bias would not make.
    poor = SegmentPoint(smoothing_px=1.0, bias=0.05, smallest_px=2000)
    *_, settings = verdict(evaluated([label], [label], [poor]), which="test")
    assert "segments" not in settings
    assert settings.startswith("Take the pixel threshold 0.500 to measure how much is membrane")


def test_nothing_that_is_not_known_is_said():
    found = dataclasses.replace(evaluated([np.zeros((9, 9))], [np.zeros((9, 9))]), neurite_sizes=None)
    said = verdict(found, which="test", validation_dice=0.9)
    assert said[0] == "V_Rand is not defined: the test slice has no neurites."
    assert not any("nan" in one for one in said)
    assert "0.9000" not in " ".join(said)  # Dice of interior is not defined here


def test_the_gap_to_validation():
    label, prediction = rooms()
    said = verdict(evaluated([label], [prediction]), which="test", validation_dice=0.95)
    assert said[-1].startswith("Dice of interior at threshold 0.5 is 0.994")
    assert "it was 0.9500 on the validation slices" in said[-1]
