"""Jobs on a cluster: real processes of submitit's executor for one machine, and of a small scheduler that stands in."""

import dataclasses
import os
import signal
import sys
from pathlib import Path

import pytest
from tiny import ENDLESS, TINY, state
from waiting import all_ended, epochs, starters, wait_for

from segcore.config import ModelConfig
from segcore.errors import ConfigError
from segcore.jobs.cluster import ClusterConfig, read_cluster
from segcore.jobs.job import NOT_FOLLOWED
from segcore.jobs.queue import JobQueue
from segcore.locking import is_locked, locked
from segcore.runs import open_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and locks are those of POSIX systems")


@pytest.fixture
def settings(models_dir):
    """Writes `slurm.toml`."""
    models_dir.mkdir(parents=True)
    return (models_dir / "slurm.toml").write_text


@pytest.fixture
def queue(models_dir, cells, settings, monkeypatch):
    """A queue whose cluster is this machine, by submitit's own executor for that."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    settings('executor = "local"\ngpus_per_node = 0\n')
    with all_ended() as queue:
        yield queue


def start(queue, run, config=TINY, **options):
    return queue.start(dataset="cells", config=config, run=run, token=run, accelerator="slurm", **options)


def attendant_of(queue, number):
    """The process that holds the attendant's lock: the parent of the job's."""
    fields = Path(f"/proc/{queue.job(number).pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


# --- settings -----------------------------------------------------------------------------------


def test_settings(settings, models_dir):
    settings('partition = "gpu"\ntime_minutes = 90\nsetup = ["module load cuda"]\n[parameters]\naccount = "em"\n')
    assert read_cluster(models_dir) == ClusterConfig(
        partition="gpu", time_minutes=90, setup=("module load cuda",), parameters={"account": "em"}
    )
    settings("")
    assert read_cluster(models_dir) == ClusterConfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("partition = ", "cannot be read"),
        ("walltime = 3", "unknown setting walltime"),
        ('executor = "pbs"', "unknown value of executor; found pbs; expected slurm or local"),
        ("time_minutes = 1", "time_minutes is out of range; found 1; expected at least 5"),
        ("parameters = 3", "wrong type for parameters"),
        ("time_minutes = 04:00:00", "wrong type for time_minutes; found 04:00:00"),
        ("[parameters]\nbegin = 2026-01-01", "wrong type for parameters.begin; found 2026-01-01; expected .* quotes"),
    ],
)
def test_settings_that_are_wrong(settings, models_dir, text, words):
    settings(text)
    with pytest.raises(ConfigError, match=words) as raised:
        read_cluster(models_dir)
    assert raised.value.path == str(models_dir / "slurm.toml")


def test_without_settings_there_is_no_cluster(models_dir, cells):
    with pytest.raises(ConfigError, match=r"no cluster is set up; expected a file of settings there"):
        start(JobQueue(), "a")
    assert JobQueue().jobs() == []


# --- on this machine ----------------------------------------------------------------------------


def test_sent_and_done(queue):
    start(queue, "first")
    wait_for(lambda: not queue.job(1).open, "the end", 240)
    job = queue.job(1)
    assert (job.state, job.message) == ("finished", ""), queue.log(1)
    assert job.lane == "slurm"
    assert int(job.cluster) > 0
    assert "epoch 2/2" in queue.log(1)
    assert "submitit" not in queue.log(1)
    assert (open_run("first").evaluation("cells") / "summary.json").exists()
    wait_for(lambda: not is_locked(queue.lane_lock("slurm")), "the runner's end")
    queue.remove(1)
    assert queue.jobs() == []


@pytest.mark.slow
def test_all_are_sent_at_once_and_stopped_one_by_one(queue):
    """Which of them runs when is the cluster's business."""
    start(queue, "a", ENDLESS)
    start(queue, "b", ENDLESS)
    wait_for(lambda: epochs("a") >= 2 and epochs("b") >= 1, "epochs of both", 240)
    queue.stop(1)
    wait_for(lambda: not queue.job(1).open, "the figures", 240)
    assert (state(queue, 1), queue.job(1).message) == ("stopped", "")
    run = open_run("a")
    assert run.state == "interrupted"
    assert (run.evaluation("cells") / "summary.json").exists()
    assert state(queue, 2) == "training"
    done = len(run.history())
    queue.resume("a", token="again", accelerator="slurm")
    wait_for(lambda: epochs("a") > done, "another epoch", 240)
    assert queue.job(3).lane == "slurm"


@pytest.mark.slow
def test_the_jobs_process_is_killed(queue):
    start(queue, "a", ENDLESS)
    wait_for(lambda: epochs("a") >= 1, "an epoch", 240)
    os.kill(queue.job(1).pid, signal.SIGKILL)
    wait_for(lambda: not queue.job(1).open, "the truth")
    assert state(queue, 1) == "interrupted"
    assert "SIGKILL" in queue.job(1).message
    assert open_run("a").state == "interrupted"


@pytest.mark.slow
def test_all_of_it_is_killed_on_the_cluster(queue):
    """As when a node fails: nothing there can say so, the scheduler does."""
    start(queue, "a", ENDLESS)
    wait_for(lambda: epochs("a") >= 1, "an epoch", 240)
    attendant = attendant_of(queue, 1)
    os.kill(attendant, signal.SIGKILL)
    wait_for(lambda: not queue.job(1).open, "the truth")
    job = queue.job(1)
    assert job.state == "interrupted"
    assert "the cluster says" in job.message
    wait_for(lambda: not is_locked(queue.lock_of(1)), "the end of what it left behind")


@pytest.mark.slow
def test_the_runner_is_killed_and_the_job_goes_on(queue):
    start(queue, "a", ENDLESS)
    wait_for(lambda: epochs("a") >= 2, "two epochs", 240)
    os.kill(starters(queue, "slurm")[0], signal.SIGKILL)
    wait_for(lambda: not is_locked(queue.lane_lock("slurm")), "the runner's end")
    assert state(queue, 1) == "training"
    queue.stop(1)  # which lets another one begin
    wait_for(lambda: not queue.job(1).open, "the figures", 240)
    assert (state(queue, 1), queue.job(1).message) == ("stopped", "")
    assert (open_run("a").evaluation("cells") / "summary.json").exists()


def test_what_is_last_known_is_called_so(queue):
    with locked(queue.lane_lock("slurm")):
        start(queue, "a")
        queue.next_waiting("slurm")
        assert (state(queue, 1), queue.job(1).message) == ("starting", "")
    assert (state(queue, 1), queue.job(1).message) == ("starting", NOT_FOLLOWED)
    queue.ensure_runners()  # it had not been sent
    wait_for(lambda: state(queue, 1) == "interrupted", "the truth")


@pytest.mark.slow
def test_several_processes_in_an_allocation_of_one_task(queue, monkeypatch):
    """Lightning would take what SLURM says for the number of its processes, and refuse."""
    for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "segcore", "SLURM_JOB_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    config = dataclasses.replace(TINY, model=ModelConfig(width=2, depth=2, normalisation="none"))
    start(queue, "both", config, devices=2)
    wait_for(lambda: not queue.job(1).open, "the end", 300)
    assert state(queue, 1) == "finished", queue.log(1)
    assert open_run("both").info.device.startswith("2 x CPU")


@pytest.mark.slow
def test_shortly_before_the_time_limit_it_is_stopped_and_evaluated(queue):
    start(queue, "a", ENDLESS)
    wait_for(lambda: epochs("a") >= 2, "two epochs", 240)
    os.kill(attendant_of(queue, 1), signal.SIGUSR2)  # what the scheduler sends
    wait_for(lambda: not queue.job(1).open, "the figures", 240)
    job = queue.job(1)
    assert (job.state, job.message) == ("stopped", "stopped because its time limit came near")
    assert (open_run("a").evaluation("cells") / "summary.json").exists()


# --- a scheduler --------------------------------------------------------------------------------


@pytest.fixture
def scheduler(queue, settings, tmp_path, monkeypatch):
    """The folder of a scheduler that runs one job at a time; the queue's cluster is that."""
    settings('partition = "all"\ntime_minutes = 30\n[parameters]\naccount = "em"\n')
    folder, commands = tmp_path / "scheduler", tmp_path / "bin"
    folder.mkdir()
    commands.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        command = commands / name
        command.write_text(f"#!{sys.executable}\n" + (Path(__file__).parent / "slurm_stand_in.py").read_text())
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_STAND_IN", str(folder))
    yield folder
    for job in queue.jobs():  # before the commands are out of reach
        if job.open:
            queue.stop(job.number)
    wait_for(lambda: not any(job.open for job in queue.jobs()), "the end of the jobs", 300)
    wait_for(lambda: not is_locked(queue.lane_lock("slurm")), "the runner's end")


def scheduled(folder, number):
    return (folder / f"{number}.state").read_text()


@pytest.mark.slow
def test_scheduled_and_done_one_after_another(queue, scheduler):
    start(queue, "a")
    start(queue, "b", dataclasses.replace(TINY, model=ModelConfig(width=2, depth=2, normalisation="none")), devices=2)
    wait_for((scheduler / "1001.state").exists, "both in the cluster's queue")
    wait_for(lambda: not any(job.open for job in queue.jobs()), "the end", 300)
    assert [(job.run, job.state, job.cluster) for job in queue.jobs()] == [
        ("b", "finished", "1001"), ("a", "finished", "1000"),
    ], queue.log(1)  # fmt: skip
    script = (scheduler / "1000.sh").read_text()
    assert "#SBATCH --partition=all" in script
    assert "#SBATCH --account=em" in script
    assert "#SBATCH --time=30" in script
    assert "#SBATCH --gpus-per-node=1\n" in script
    assert "#SBATCH --gpus-per-node=2\n" in (scheduler / "1001.sh").read_text()
    assert open_run("b").info.device.startswith("2 x ")


@pytest.mark.slow
def test_what_waits_in_the_clusters_queue_is_taken_out_of_it(queue, scheduler):
    start(queue, "a", ENDLESS)
    start(queue, "b")
    wait_for(lambda: epochs("a") >= 1 and queue.job(2).cluster, "an epoch of the one, the other in the queue", 240)
    assert (state(queue, 2), scheduled(scheduler, 1001)) == ("starting", "PENDING")
    queue.stop(2)
    wait_for(lambda: not queue.job(2).open, "its end")
    assert (state(queue, 2), scheduled(scheduler, 1001)) == ("stopped", "CANCELLED by 0")
    assert state(queue, 1) == "training"


@pytest.mark.slow
def test_what_the_scheduler_ended_while_nobody_looked(queue, scheduler):
    start(queue, "a", ENDLESS)
    wait_for(lambda: epochs("a") >= 1, "an epoch", 240)
    os.kill(starters(queue, "slurm")[0], signal.SIGKILL)
    wait_for(lambda: not is_locked(queue.lane_lock("slurm")), "the runner's end")
    (scheduler / "1000.state").write_text("NODE_FAIL")
    for number in (attendant_of(queue, 1), queue.job(1).pid):
        os.kill(number, signal.SIGKILL)
    wait_for(lambda: not is_locked(queue.lock_of(1)), "the end of its process")
    assert (state(queue, 1), queue.job(1).message) == ("training", NOT_FOLLOWED)
    queue.ensure_runners()
    wait_for(lambda: not queue.job(1).open, "the truth")
    assert state(queue, 1) == "interrupted"
    assert queue.job(1).message.endswith("the cluster says NODE_FAIL")


def test_what_the_scheduler_does_not_take_says_why(queue, scheduler):
    (scheduler / "refuse").write_text("invalid partition specified: all")
    start(queue, "a")
    wait_for(lambda: not queue.job(1).open, "the refusal")
    assert state(queue, 1) == "failed"
    assert "the cluster did not take the job" in queue.job(1).message
    assert "invalid partition specified: all" in queue.job(1).message
