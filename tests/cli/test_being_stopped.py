"""Commands that are stopped, and two at once."""

import json
import signal
import time

import pytest
from calling import SETTINGS, started


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_training_that_is_stopped_can_go_on(number, data, models_dir, accepted):
    settings = [*SETTINGS, "train.epochs=4000"]
    running = started("train", "tiny", "--name", "long", "--device", "cpu", "--set", *settings)
    history = models_dir / "long/history.csv"
    deadline = time.monotonic() + 150
    while not (history.exists() and history.read_text().count("\n") > 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    out, err = running.communicate(timeout=150)
    assert running.returncode == 130, err.decode()
    assert out == b""
    assert "Traceback" not in err.decode()
    assert err.decode().splitlines()[-1] == "segcore: interrupted"
    assert json.loads((models_dir / "long/run.json").read_text())["state"] == "interrupted"
    (line,) = accepted("runs", "--json").json()
    assert line["state"] == "interrupted"
    done = line["epochs"]
    rows = history.read_text().splitlines()[: done + 1]
    values = json.loads((models_dir / "long/config.json").read_text())
    values["train"]["epochs"] = done + 2
    (models_dir / "long/config.json").write_text(json.dumps(values))
    accepted("train", "--resume", "long")
    assert history.read_text().splitlines()[: done + 1] == rows
    (line,) = accepted("runs", "--json").json()
    assert (line["state"], line["epochs"]) == ("finished", done + 2)
    # Had it been in the middle of writing a file when it was stopped, what was left of that is gone by now.
    assert {path.name for path in models_dir.rglob(".*")} == {".lock"}


def test_an_unfinished_run_can_be_evaluated_and_listed(interrupted, accepted, refused):
    refused(["evaluate", "first"], interrupted, "no thresholds yet")
    accepted("evaluate", "first", "--threshold", "0.5")
    (line,) = accepted("runs", "--json").json()
    assert (line["state"], line["wrong_percent"], line["v_rand"]) == ("interrupted", None, None)


@pytest.mark.slow
def test_two_evaluations_at_once(run, accepted):
    evaluate = ["evaluate", "first", "--slices", "all", "--json"]
    expected = accepted(*evaluate).json()
    other = started(*evaluate)
    times = 0
    while other.poll() is None:
        assert accepted(*evaluate).json() == expected
        times += 1
    out, err = other.communicate()
    assert other.returncode == 0, err.decode()
    assert json.loads(out) == expected
    assert times > 1
    assert sorted(path.name for path in (run / "evaluation").iterdir()) == ["tiny", "tiny@all"]
    assert len(list((run / "evaluation/tiny@all").iterdir())) == 8
    assert accepted("runs").out.count("first") == 1
