"""The queue of trainings: one order, one job a request, and states that are true whoever was killed."""

import dataclasses
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from segcore.config import ModelConfig, RunConfig, SplitConfig, TrainConfig
from segcore.data import install
from segcore.errors import ConfigError, DataError, JobError, RunError, SegcoreError, StorageError
from segcore.evaluation import evaluate
from segcore.jobs.job import INTERRUPTED, Job, device_lane
from segcore.jobs.queue import JobQueue, free_run_name
from segcore.locking import is_locked, locked
from segcore.stacks import array_stack

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX systems")

TINY = RunConfig(
    model=ModelConfig(width=2, depth=2), train=TrainConfig(epochs=2, epoch_samples=4, batch_size=4, patch_px=32)
)


@pytest.fixture
def queue(models_dir, cells):
    """A queue whose jobs stay where they are: this test says that it starts them, and does not."""
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    with locked(queue.lane_lock("cpu")):
        yield queue


def start(queue, run, *, token=None, **options):
    return queue.start(
        dataset="cells", config=TINY, run=run, token=token or f"token of {run}", accelerator="cpu", **options
    )


def state(queue, number):
    return queue.job(number).state


def test_a_job_is_what_was_asked_for(queue):
    job = start(queue, "first")
    assert (job.number, job.run, job.dataset, job.state, job.task, job.lane) == (
        1, "first", "cells", "waiting", "train", "cpu",
    )  # fmt: skip
    assert queue.job(1) == job
    assert queue.jobs() == [job]
    assert job.config == TINY
    assert job.open
    assert not job.active


def test_jobs_wait_in_order_and_can_be_moved_up(queue):
    for run in ("a", "b", "c", "d"):
        start(queue, run)
    queue.move_up(3)
    assert [job.run for job in queue.jobs()] == ["a", "c", "b", "d"]
    queue.move_up(3)
    queue.move_up(3)  # it is the first already
    assert [job.run for job in queue.jobs()] == ["c", "a", "b", "d"]
    queue.move_up(4)
    assert [job.run for job in queue.jobs()] == ["c", "a", "d", "b"]
    assert [queue.next_job("cpu").run, queue.next_job("cpu").run] == ["c", "a"]


def test_the_same_request_twice_is_one_job(queue):
    assert start(queue, "first", token="click") == start(queue, "first", token="click")
    assert len(queue.jobs()) == 1
    with pytest.raises(JobError, match="job 1 has asked for the run first already"):
        start(queue, "first", token="another")


def test_twenty_clicks_at_once_are_one_job(queue):
    with ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(lambda _: start(queue, "first", token="click").number, range(20)))
    assert numbers == [1] * 20


def test_twenty_requests_at_once_are_twenty_jobs(queue):
    with ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(lambda one: start(queue, f"run-{one}").number, range(20)))
    assert sorted(numbers) == list(range(1, 21))
    assert [job.number for job in queue.jobs()] == list(range(1, 21))


def test_what_would_fail_at_once_is_not_taken(queue, cells, cell_stack, models_dir):
    install("bare", array_stack(cell_stack[0]), None, title="no labels")
    cases = [
        ({"dataset": "bare"}, DataError, "has no labels"),
        ({"dataset": "nowhere"}, DataError, "there is no dataset nowhere"),
        ({"run": "../up"}, StorageError, "not a safe folder name"),
        ({"run": "taken"}, StorageError, "already something of this name"),
        ({"started_from": "nobody"}, RunError, "there is no such run"),
        ({"devices": 9}, ConfigError, "fewer patches than there are processes"),
        ({"devices": 0}, ConfigError, "0 processes"),
        (
            {"config": dataclasses.replace(TINY, split=SplitConfig(test_fraction=0.9, gap=50))},
            ConfigError,
            "leaves none",
        ),
    ]
    (models_dir / "taken").mkdir()
    for changes, kind, text in cases:
        values = {"dataset": "cells", "config": TINY, "run": "new", "token": "t", "accelerator": "cpu"} | changes
        with pytest.raises(kind, match=text):
            queue.start(**values)
    assert queue.jobs() == []


def test_a_job_that_never_came_as_far_as_a_run_is_begun_anew(queue, mid_grey_run):
    start(queue, "first")
    with pytest.raises(JobError, match="the job is not over"):
        queue.again(1, token="again")
    queue.update(1, state="failed", message="the disk is full")
    job = queue.again(1, token="again")
    assert (job.number, job.task, job.run, job.config, job.state) == (2, "train", "first", TINY, "waiting")
    assert queue.again(1, token="again") == job
    queue.stop(2)
    # This one has a folder to go on from.
    mid_grey_run.update(state="interrupted")
    queue.resume("mid-grey", token="r", accelerator="cpu")
    queue.update(3, state="interrupted")
    job = queue.again(3, token="again, too")
    assert (job.number, job.task, job.run, job.config) == (4, "resume", "mid-grey", None)


def test_a_name_is_checked_before_anything_is_asked_for(queue, mid_grey_run):
    queue.check_name("free")
    start(queue, "first")
    for name, kind in (("first", JobError), ("mid-grey", StorageError), ("../up", StorageError), ("", StorageError)):
        with pytest.raises(kind):
            queue.check_name(name)


def test_weights_of_another_architecture_are_not_taken(queue, mid_grey_run):
    with pytest.raises(ConfigError, match=r"another architecture; found model.width=1; expected model.width=2"):
        start(queue, "new", started_from="mid-grey")


def test_a_finished_run_is_gone_on_with_only_to_evaluate_it(queue, mid_grey_run, cells):
    assert queue.resume("mid-grey", token="t", accelerator="cpu").state == "waiting"
    queue.stop(1)
    assert not mid_grey_run.is_evaluated()
    evaluate(mid_grey_run, cells, device="cpu")
    assert mid_grey_run.is_evaluated()
    with pytest.raises(RunError, match="the run is finished"):
        queue.resume("mid-grey", token="u", accelerator="cpu")


def test_an_evaluation_of_earlier_weights_is_not_that_of_the_run(queue, mid_grey_run, cells):
    evaluate(mid_grey_run, cells, device="cpu")
    later = mid_grey_run.update(ended="2999-01-01T00:00:00+00:00")
    assert not later.is_evaluated()
    assert queue.resume("mid-grey", token="t", accelerator="cpu").state == "waiting"


def test_a_process_that_was_killed_before_it_said_that_all_was_done(queue, mid_grey_run, cells):
    queue.resume("mid-grey", token="t", accelerator="cpu")
    queue.next_job("cpu")
    with locked(queue.lock_of(1)):
        queue.claim(1)
        evaluate(mid_grey_run, cells, device="cpu")
    assert queue.settle(1).state == "finished"


def test_resuming_asks_for_the_runs_own_dataset_once(queue, mid_grey_run):
    mid_grey_run.update(state="interrupted")
    job = queue.resume("mid-grey", token="t", accelerator="cpu")
    assert (job.task, job.run, job.dataset, job.config) == ("resume", "mid-grey", "cells", None)
    assert queue.resume("mid-grey", token="t", accelerator="cpu") == job
    with pytest.raises(JobError, match="asked for the run mid-grey already"):
        queue.resume("mid-grey", token="u", accelerator="cpu")


def test_a_run_that_is_being_trained_is_not_resumed(queue, mid_grey_run):
    run = mid_grey_run.update(state="training")
    with locked(run.lock), pytest.raises(RunError, match="another process is training this run"):
        queue.resume("mid-grey", token="t", accelerator="cpu")
    assert run.state == "interrupted"  # nobody trains it any more
    assert queue.resume("mid-grey", token="t", accelerator="cpu").state == "waiting"


def test_stopping_what_waits_takes_it_out(queue):
    start(queue, "a")
    start(queue, "b")
    assert queue.stop(1).state == "stopped"
    assert queue.next_job("cpu").run == "b"
    with pytest.raises(JobError, match="does not wait"):
        queue.move_up(1)


def test_a_forgotten_job_is_gone_and_its_number_stays_taken(queue):
    start(queue, "a")
    queue.remove(1)
    assert queue.jobs() == []
    with pytest.raises(JobError, match="no such file"):
        queue.job(1)
    assert start(queue, "a").number == 2


def test_what_runs_is_not_forgotten(queue):
    start(queue, "a")
    queue.next_job("cpu")
    with pytest.raises(JobError, match="is running"):
        queue.remove(1)


def test_found_by_number_and_by_run(queue):
    start(queue, "a")
    start(queue, "1a")
    assert queue.find("1").run == "a"
    assert queue.find("1a").number == 2
    with pytest.raises(JobError, match=r"no such job; found b; expected one of: 1 \(a\), 2 \(1a\)"):
        queue.find("b")


def test_a_process_alive_is_told_by_its_lock_and_by_nothing_else(queue):
    """As after a restart of the machine, when another program has the number the job's process had."""
    start(queue, "a")
    queue.next_job("cpu")
    assert state(queue, 1) == "starting"
    with locked(queue.lock_of(1)):
        assert queue.claim(1).pid == os.getpid()
        assert state(queue, 1) == "training"
    job = queue.job(1)
    assert (job.state, job.pid, job.message) == ("interrupted", None, INTERRUPTED)
    # On disk it is still said to be trained by this very process, which is alive and somebody else.
    assert json.loads((queue.folder / "0001/job.json").read_text())["pid"] == os.getpid()


def test_what_was_about_to_start_when_its_starter_died_did_not(models_dir, cells):
    queue = JobQueue()
    with locked(queue.lane_lock("cpu")):
        start(queue, "a")
        start(queue, "b")
        queue.next_job("cpu")
        assert state(queue, 1) == "starting"
    assert state(queue, 1) == "interrupted"
    with locked(queue.lane_lock("cpu")):  # another starter comes
        assert queue.next_job("cpu").number == 2
    # The late process of the first one finds that it is not wanted any more.
    with locked(queue.lock_of(1)):
        assert queue.claim(1) is None


def test_a_job_left_alive_is_taken_over(queue):
    start(queue, "a")
    start(queue, "b")
    queue.next_job("cpu")
    with locked(queue.lock_of(1)):
        queue.claim(1)
        assert queue.next_job("cpu").number == 1
        assert queue.next_job("cpu").number == 1
    assert queue.next_job("cpu").number == 2
    assert queue._read(1).state == "interrupted"


def test_the_end_is_noted_once(queue):
    start(queue, "a")
    queue.next_job("cpu")
    with locked(queue.lock_of(1)):
        queue.claim(1)
    assert queue.settle(1, "killed").message == "killed"
    first = queue.job(1)
    assert queue.settle(1, "again") == first


def test_asked_to_stop_and_gone_is_stopped(queue):
    start(queue, "a")
    queue.next_job("cpu")
    assert queue.stop(1).stop
    assert queue.settle(1).state == "stopped"


def test_damage_hides_one_job_only(queue):
    start(queue, "a")
    start(queue, "b")
    (queue.folder / "0001/job.json").write_text('{"number": 1')
    assert [job.run for job in queue.jobs()] == ["b"]
    with pytest.raises(JobError, match="damaged file"):
        queue.job(1)


def test_a_damaged_job_stops_nobody_else(queue):
    start(queue, "a")
    start(queue, "b")
    (queue.folder / "0001/job.json").write_text("{}")
    assert queue.next_job("cpu").number == 2
    assert start(queue, "c").number == 3


def test_what_was_read_long_ago_is_read_again_when_it_changes(queue):
    start(queue, "a")
    record = queue.folder / "0001/job.json"
    os.utime(record, (0, 0))
    assert [job.state for job in queue.jobs() + queue.jobs()] == ["waiting", "waiting"]
    queue.stop(1)
    os.utime(record, (0, 0))
    assert [job.state for job in queue.jobs()] == ["stopped"]


def test_names_that_are_free(queue, models_dir):
    start(queue, "cells-quick-1")
    (models_dir / "cells-quick-2").mkdir()
    assert free_run_name("cells-quick") == "cells-quick-3"


def test_read_only_refuses_everything_that_writes(queue, mid_grey_run, monkeypatch):
    start(queue, "a")
    before = queue.jobs()
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    mid_grey_run.update(state="interrupted")
    for action in (
        lambda: start(queue, "b"),
        lambda: queue.resume("mid-grey", token="t", accelerator="cpu"),
        lambda: queue.stop(1),
        lambda: queue.move_up(1),
        lambda: queue.remove(1),
        lambda: queue.again(1, token="t"),
    ):
        with pytest.raises(JobError, match="nothing is trained here; found SEGCORE_READ_ONLY is set"):
            action()
    assert queue.jobs() == before


def test_lanes(monkeypatch):
    assert device_lane("cpu") == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_lane() == "cpu"
    with pytest.raises(ConfigError, match="no CUDA device here"):
        device_lane("cuda")
    with pytest.raises(ConfigError, match="unknown device"):
        device_lane("tpu")


def test_changes_of_many_threads_all_count(queue):
    for run in "abcdefgh":
        start(queue, run)

    def note(number):
        for value in range(20):
            queue.update(number, message=str(value))

    threads = [threading.Thread(target=note, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.message for job in queue.jobs()] == ["19"] * 8
    assert not is_locked(queue.folder / "lock")


def test_the_token_is_no_secret_but_the_config_is_whole(queue):
    job = start(queue, "a")
    values = json.loads((queue.folder / "0001/job.json").read_text())
    assert set(values) == {field.name for field in dataclasses.fields(Job)}
    assert values["config"]["model"]["width"] == 2
    assert isinstance(job.config, RunConfig)
    assert issubclass(JobError, SegcoreError)


# --- evaluations ---------------------------------------------------------------------------------


@pytest.fixture
def others(data_dir, cell_stack):
    """Another labelled dataset, and one without labels."""
    images, labels = cell_stack
    install("others", array_stack(images[:3, ::-1].copy()), array_stack(labels[:3, ::-1].copy()), title="Others")
    install("bare", array_stack(images[:3]), None, title="Bare")


def test_a_run_is_measured_on_another_dataset(queue, mid_grey_run, others):
    job = queue.evaluate("mid-grey", "others", token="t", accelerator="cpu")
    assert (job.task, job.run, job.dataset, job.config, job.state) == (
        "evaluate",
        "mid-grey",
        "others",
        None,
        "waiting",
    )
    assert queue.evaluate("mid-grey", "others", token="t", accelerator="cpu") == job
    with pytest.raises(JobError, match="asked for the run mid-grey already"):
        queue.evaluate("mid-grey", "cells", token="u", accelerator="cpu")


def test_what_is_being_measured_is_not_called_a_training(queue, mid_grey_run, others):
    queue.evaluate("mid-grey", "others", token="t", accelerator="cpu")
    queue.next_job("cpu")
    with locked(queue.lock_of(1)):
        assert queue.claim(1).state == "evaluating"


def test_measuring_that_would_fail_at_once_is_not_taken(queue, mid_grey_run, others, cells):
    with pytest.raises(DataError, match="bare has no labels to measure against"):
        queue.evaluate("mid-grey", "bare", token="t")
    with pytest.raises(SegcoreError, match="nowhere"):
        queue.evaluate("mid-grey", "nowhere", token="t")
    mid_grey_run.update(members=("a", "b"))
    with pytest.raises(RunError, match="no network of its own"):
        queue.evaluate("mid-grey", "others", token="t")
    mid_grey_run.update(operating_points=None, members=())
    with pytest.raises(RunError, match="no thresholds yet"):
        queue.evaluate("mid-grey", "others", token="t")
    assert queue.jobs() == []


def test_measuring_that_was_killed_is_not_done_because_the_run_was_measured_before(queue, mid_grey_run, cells, others):
    evaluate(mid_grey_run, cells, device="cpu")
    queue.evaluate("mid-grey", "others", token="t", accelerator="cpu")
    queue.next_job("cpu")
    with locked(queue.lock_of(1)):
        queue.claim(1)
    assert queue.settle(1).state == "interrupted"
    again = queue.again(1, token="u")
    assert (again.number, again.task, again.dataset) == (2, "evaluate", "others")
