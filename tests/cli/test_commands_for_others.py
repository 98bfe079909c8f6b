"""What other programs predicted, two runs side by side, and a run for other programs."""

import json
import zipfile

import h5py
import numpy as np
import pytest
import tifffile
from calling import call, pair


@pytest.fixture
def predicted(tmp_path):
    """A file as nnU-Net might write it: probability of membrane, of all nine slices."""
    _, labels = pair()
    noise = np.random.default_rng(0).random(labels.shape).astype(np.float32) * 0.1
    with h5py.File(tmp_path / "prediction.h5", "w") as file:
        file["probabilities"] = np.where(labels > 0, 0.05, 0.85).astype(np.float32) + noise
    return tmp_path / "prediction.h5"


def test_score_without_an_option_but_the_dataset(data, models_dir, predicted, accepted):
    said = accepted("score", "nnunet", predicted, "--dataset", "tiny")
    assert "unknown: nobody said which slices this was trained on" in said.out
    assert "wrong pixels       0.00 %" in said.out
    assert json.loads((models_dir / "nnunet/run.json").read_text())["outside"]["kind"] == "probability"
    assert "nnunet" in accepted("runs").out
    assert "unknown" in accepted("runs").out


def test_score_prints_the_same_as_evaluate_does(data, models_dir, predicted, accepted):
    found = accepted("score", "told", predicted, "--dataset", "tiny", "--trained-on", "0-3,5", "--json").json()
    assert found["slices_used"] == [4, 6, 7, 8]
    assert found["leaks"] is False
    assert found["threshold"] == 0.5
    assert found["segments"]["bias"] == 0.5


def test_score_of_numbered_segments(data, models_dir, tmp_path, accepted):
    _, labels = pair()
    from scipy import ndimage

    numbers = np.stack([ndimage.label(page > 0)[0] for page in labels]).astype(np.uint32)
    tifffile.imwrite(tmp_path / "segments.tif", numbers, photometric="minisblack")
    found = accepted("score", "cellpose", tmp_path / "segments.tif", "--dataset", "tiny", "--json").json()
    assert found["segments"]["bias"] is None
    assert found["segments"]["v_rand"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--dataset", "bare"], ["has no labels to measure against"]),
        (["--dataset", "nowhere"], ["nowhere"]),
        (["--dataset", "tiny", "--slices", "0-2"], ["another number of slices", "found 9", "3, as --slices says"]),
        (["--dataset", "tiny", "--slices", "3-99"], ["no such slice", "found 3-99"]),
        (["--dataset", "tiny", "--trained-on", "all"], ["not a list of slices"]),
        (["--dataset", "tiny", "--kind", "heat map"], ["unknown --kind"]),
    ],
)
def test_score_refuses(options, words, data, models_dir, predicted, refused):
    refused(("score", "new", predicted, *options), *words)


def test_compare(run, predicted, accepted):
    accepted("score", "nnunet", predicted, "--dataset", "tiny", "--trained-on", "none")
    said = accepted("compare", "first", "nnunet").out
    assert "slices (" in said
    assert "V_Rand of segments" in said
    found = accepted("compare", "first", "nnunet", "--json").json()
    assert found["measures"]["wrong_percent"]["second"] == 0
    assert found["worse"] == []
    assert found["events"]["new"] == []  # what is right in every pixel splits and merges nothing
    assert [row["slice"] for row in found["per_slice"]] == found["slices"]


def test_compare_says_whether_it_is_fair(run, models_dir, predicted, accepted):
    accepted("score", "nnunet", predicted, "--dataset", "tiny", "--trained-on", "none")
    found = accepted("compare", "first", "nnunet", "--json").json()
    assert (found["fair"], found["unfair"]) == (True, None)
    table = accepted("compare", "first", "nnunet").out
    first, _, rest = table.partition("\n")
    assert first.startswith(f"{len(found['slices'])} slice")
    assert first.endswith("difference: nnunet less first, of percentages in percentage points")
    (wrong,) = (line for line in rest.splitlines() if line.startswith("wrong pixels"))
    assert wrong.count("%") == 2, "of the two runs, and not of their difference"
    assert f" {found['measures']['wrong_percent']['difference']:+.2f} " in wrong

    summary = models_dir / "nnunet" / "evaluation/tiny/summary.json"
    told = json.loads(summary.read_text())
    summary.write_text(json.dumps(told | {"facts": told["facts"] | {"trained_on": found["slices"], "leaks": True}}))
    leaky = accepted("compare", "first", "nnunet", "--json").json()
    assert leaky["fair"] is False
    assert leaky["unfair"].startswith("No fair comparison: nnunet was trained on ")
    assert leaky["unfair"] not in leaky["verdict"]
    assert accepted("compare", "first", "nnunet").out.count("No fair comparison") == 1

    summary.write_text(json.dumps(told | {"facts": told["facts"] | {"leaks": None}}))
    unknown = accepted("compare", "first", "nnunet", "--json").json()
    assert (unknown["fair"], unknown["unfair"]) == (None, None)
    assert "Nobody said which slices nnunet was trained on" in unknown["verdict"]


def test_a_nightly_job_fails_where_the_new_run_is_worse(run, predicted, accepted):
    accepted("score", "nnunet", predicted, "--dataset", "tiny", "--trained-on", "none")
    better = call("compare", "first", "nnunet", "--fail-if-worse", "wrong_percent=0", "v_rand=0")
    assert better.code == 0
    worse = call("compare", "nnunet", "first", "--fail-if-worse", "wrong_percent=0")
    assert worse.code == 1
    assert call("compare", "nnunet", "first", "--fail-if-worse", "wrong_percent=100").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("first", "first"), ["with itself"]),
        (("first", "nobody"), ["no such run"]),
        (("first", "nnunet", "--fail-if-worse", "beauty=1"), ["unknown measure", "wrong_percent"]),
        (("first", "nnunet", "--fail-if-worse", "v_rand"), ["not a tolerance"]),
        (("first", "nnunet", "--fail-if-worse", "v_rand=-1"), ["not a tolerance"]),
    ],
)
def test_compare_refuses(arguments, words, run, predicted, refused, accepted):
    accepted("score", "nnunet", predicted, "--dataset", "tiny")
    refused(("compare", *arguments), *words)


def test_export_model(run, tmp_path, accepted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = accepted("export-model", "first", "--author", "R. Hooke").out
    assert said.startswith("first.bioimageio.zip: author R. Hooke, licence CC-BY-4.0")
    with zipfile.ZipFile("first.bioimageio.zip") as packed:
        assert {"rdf.yaml", "weights.pt", "README.md", "example_input.npy"} <= {*packed.namelist()}


def test_export_model_refuses_a_run_without_a_network(data, models_dir, predicted, accepted, refused, tmp_path):
    accepted("score", "nnunet", predicted, "--dataset", "tiny")
    refused(("export-model", "nnunet", tmp_path / "net.zip"), "has no network")


def test_jobs_evaluate_refuses_what_cannot_be(run, refused):
    refused(("jobs", "evaluate", "first", "--dataset", "bare"), "has no labels to measure against")
