"""What a training shows of itself: how much time is left."""

import dataclasses

from segcore.runs.history import EpochRecord
from segcore.runs.status import TrainingStatus, seconds_left


def epochs(*seconds):
    values = {field.name: 0.5 for field in dataclasses.fields(EpochRecord)}
    return [
        EpochRecord(**values | {"epoch": number, "seconds": taken}) for number, taken in enumerate(seconds, start=1)
    ]


def at(epoch, step=0, stage="training"):
    return TrainingStatus(stage=stage, epoch=epoch, epochs=10, step=step, steps=8)


def test_time_left_is_that_of_the_epochs_that_are_left():
    assert seconds_left(epochs(4, 4), at(3)) == 8 * 4
    assert seconds_left(epochs(4, 4), at(3, step=4)) == 7.5 * 4
    assert seconds_left(epochs(4, 4), at(3, step=8, stage="validating")) == 7 * 4


def test_a_slow_first_epoch_and_one_that_was_held_up_tell_nothing_of_the_next():
    assert seconds_left(epochs(60, 2, 2, 2, 90, 2), at(7)) == 4 * 2


def test_nobody_knows_before_the_first_epoch_and_nothing_is_left_after_the_last():
    assert seconds_left([], at(1, step=3)) is None
    assert seconds_left(epochs(4), None) is None
    assert seconds_left(epochs(*[4] * 10), at(10, stage="choosing thresholds")) is None
    assert seconds_left(epochs(*[4] * 10), at(10, step=8, stage="validating")) == 0
