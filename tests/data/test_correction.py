"""A correction holds its pixels, is checked where it is made, and goes through JSON unchanged."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segcore.checked import from_dict
from segcore.data.correction import Correction, Corrections, runs_of
from segcore.errors import ConfigError
from segcore.reviews import Place

PLACE = Place(kind="merge", slice=3, y=5, x=6, top=0, left=0, bottom=20, right=20)
AT = "2026-01-31T12:30:00+00:00"


def correction(**changes):
    values = {"place": PLACE, "become": "interior", "runs": ((2, 1, 4), (3, 0, 1)), "reviewer": "Ada", "at": AT}
    return Correction(**(values | changes))


def test_pixels_by_hand():
    mask = np.array([[0, 0, 0, 0], [1, 0, 1, 1], [0, 1, 1, 0]], bool)
    assert runs_of(mask) == ((1, 0, 1), (1, 2, 4), (2, 1, 3))
    found = correction(runs=runs_of(mask))
    assert found.pixels == 5
    np.testing.assert_array_equal(found.mask(3, 4), mask)
    with pytest.raises(ConfigError, match="pixels outside of the slice; found row 2, column 3; expected 3 x 3 pixels"):
        found.mask(3, 3)
    with pytest.raises(ConfigError, match="outside"):
        found.mask(2, 4)


@given(arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_pixels_come_back(mask):
    if mask.any():
        found = correction(runs=runs_of(mask))
        assert found.pixels == mask.sum()
        np.testing.assert_array_equal(found.mask(*mask.shape), mask)
    else:
        assert runs_of(mask) == ()


def record(*corrections):
    return Corrections(original="cells", original_fingerprint="f" * 64, corrections=corrections)


def test_through_json_unchanged():
    found = record(correction(note="a\nb <b>\u202e"), correction(become="ignore", runs=((0, 0, 1),)))
    assert from_dict(Corrections, json.loads(json.dumps(dataclasses.asdict(found)))) == found
    assert from_dict(Corrections, json.loads(json.dumps(dataclasses.asdict(record())))) == record()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"become": "other"}, "become"),
        ({"runs": ()}, "without pixels"),
        ({"runs": ((2, 4, 4),)}, "not in order"),
        ({"runs": ((2, 1, 4), (2, 3, 5))}, "not in order"),
        ({"runs": ((2, 1, 4), (1, 0, 1))}, "not in order"),
        ({"runs": ((2, -1, 4),)}, "no run of pixels"),
        ({"runs": ((2, 1),)}, "no run of pixels"),
        ({"runs": ((2, True, 4),)}, "no run of pixels"),
        ({"reviewer": ""}, "name of a reviewer"),
        ({"note": "\x00"}, "note"),
        ({"at": "yesterday"}, "time of a correction"),
    ],
)
def test_what_is_no_correction(changes, message):
    with pytest.raises(ConfigError, match=message):
        correction(**changes)


def test_what_is_no_record_of_corrections():
    values = dataclasses.asdict(record(correction()))
    from_dict(Corrections, values)
    (one,) = values["corrections"]
    for broken in (
        values | {"more": 1},
        values | {"corrections": [one | {"colour": "red"}]},
        values | {"corrections": [one | {"place": one["place"] | {"z": 1}}]},
        values | {"corrections": [one | {"runs": [[1, 2, 3, 4]]}]},
        values | {"corrections": [one | {"runs": [["1", 2, 3]]}]},
        {name: value for name, value in values.items() if name != "original"},
    ):
        with pytest.raises(ConfigError):
            from_dict(Corrections, broken)


def test_the_correction_of_a_place():
    other = correction(place=dataclasses.replace(PLACE, slice=1, y=0, x=0))
    found = record(correction(), other)
    assert found.of_place(dataclasses.replace(PLACE, bottom=19)) == correction()
    assert found.of_place(dataclasses.replace(PLACE, x=7)) is None
    assert found.slices == (1, 3)
