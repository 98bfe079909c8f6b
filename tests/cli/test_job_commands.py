"""The commands of jobs."""

import pytest
from calling import SETTINGS, assert_refused, call, process


@pytest.fixture
def waiting_jobs(run, models_dir):
    """Two jobs that wait, and one that was removed; nobody starts them."""
    from segcore.jobs import JobQueue
    from segcore.locking import locked

    with locked(JobQueue().lane_lock("cpu")):
        for name in ("one", "two", "gone"):
            assert call("jobs", "start", "tiny", "--name", name, "--device", "cpu").code == 0
        assert call("jobs", "remove", 3).code == 0
        yield models_dir


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("start", "nowhere"), "there is no dataset nowhere"),
        (("start", "bare"), "no labels to learn from"),
        (("start", "../tiny"), "not a safe folder name"),
        (("start", "tiny", "--preset", "slow"), "unknown preset; found slow"),
        (("start", "tiny", "--name", "a b"), "the run name is not a safe folder name"),
        (("start", "tiny", "--name", ""), "nothing was given"),
        (("start", "tiny", "--name", "first"), "already something of this name"),
        (("start", "tiny", "--name", "one"), "job 1 has asked for the run one already"),
        (("start", "tiny", "--from", ""), "nothing was given"),
        (("start", "tiny", "--from", "nobody"), "there is no such run"),
        (("start", "tiny", "--from", "first"), "another architecture"),
        (("start", "tiny", "--device", "tpu"), "unknown device; found tpu; expected auto, cpu, cuda or slurm"),
        (("start", "tiny", "--device", "slurm"), "no cluster is set up"),
        (("start", "tiny", "--devices", "0"), "0 processes; expected 1 to 4"),
        (("start", "tiny", "--devices", "5"), "5 processes"),
        (("start", "tiny", "--devices", "9999", "--set", "train.batch_size=4096"), "fewer patches"),
        (("start", "tiny", "--devices", "4000", "--set", "train.batch_size=4096"), "not as many devices here"),
        (("start", "tiny", "--devices", "two"), "invalid int value"),
        (("start", "tiny", "--set", "train.epochs"), "a setting needs a name and a value"),
        (("start", "tiny", "--set", "train.epochs=0"), "out of range"),
        (("start", "tiny", "--set", "train.speed=1"), "unknown setting train.speed"),
        (("start", "tiny", "--set", "split.test_fraction=0.9", "split.gap=9"), "none to train on"),
        (("start",), "arguments are required: dataset"),
        (("resume", "nobody"), "there is no such run"),
        (("resume", "first"), "the run is finished"),
        (("resume", "one"), "there is no such run"),
        (("stop", "nobody"), "there is no such job; found nobody; expected one of: 1 (one), 2 (two)"),
        (("stop", "3"), "there is no such job"),
        (("up", "3"), "there is no such job"),
        (("remove", "gone"), "there is no such job"),
        (("log", "3"), "there is no such job"),
        (("log", "gone"), "there is no such job"),
        (("log", "-1"), "there is no such job"),
        (("log", "../../first"), "there is no such job"),
        (("work", "abacus"), "unknown device"),
        (("pause", "1"), "invalid choice"),
    ],
)
def test_jobs_that_cannot_be(arguments, words, waiting_jobs, refused):
    refused(["jobs", *arguments], words)


def test_train_takes_no_name_that_a_job_waits_for(waiting_jobs, refused):
    refused(["train", "tiny", "--name", "one", "--set", *SETTINGS], "job 1 has asked for the run one already")
    assert not (waiting_jobs / "one").exists()


@pytest.mark.parametrize(
    ("lane", "words"), [("slurm", "a cluster is not measured from here"), ("abacus", "unknown device")]
)
def test_lanes_that_cannot_be_measured(lane, words, waiting_jobs):
    # In a process of its own, whose priority it lowers.
    assert_refused(process("jobs", "measure", "tiny", "--device", lane), words)


def test_the_log_of_a_job_that_has_none_yet(waiting_jobs, accepted):
    told = accepted("jobs", "log", 1)
    assert told.out == ""
    assert told.err == "job 1 is waiting; there is no log yet\n"
