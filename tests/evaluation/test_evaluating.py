"""Evaluation from end to end with a network set by hand, so that every count is known."""

import dataclasses
import json
import signal

import numpy as np
import pytest
import tifffile
from skimage.measure import block_reduce

from segcore.data import install
from segcore.errors import ConfigError, DataError, RunError
from segcore.evaluation.evaluating import evaluate
from segcore.evaluation.folder import read_evaluation
from segcore.evaluation.report import evaluation_json
from segcore.runs import open_run
from segcore.stacks import array_stack

CPU = "cpu"


def evaluated(run, dataset, **options):
    return evaluate(run, dataset, device=CPU, **options)


def wrong(cell_stack, slices, lightest_membrane=127):
    images, labels = cell_stack
    return ((images[slices] > lightest_membrane) != (labels[slices] > 0)).sum(axis=(1, 2))


def test_test_slices_by_default(mid_grey_run, cells, cell_stack, listing):
    found = evaluated(mid_grey_run, cells)
    assert (found.part, found.point, found.dataset, found.synthetic) == ("test", "pixel", "cells", True)
    assert found.evaluation.slices == (8, 9, 10, 11)
    assert not found.audit.leaks
    assert found.audit.chosen_on == found.audit.neighbours == ()
    values = evaluation_json(found)
    slices = slice(8, 12)
    images, labels = (stack[slices] for stack in cell_stack)
    light, interior = images > 127, labels > 0
    assert values["confusion"] == {
        "interior_as_interior": (light & interior).sum(),
        "interior_as_membrane": (~light & interior).sum(),
        "membrane_as_interior": (light & ~interior).sum(),
        "membrane_as_membrane": (~light & ~interior).sum(),
    }
    assert values["pixels"] == 4 * 45 * 52
    assert values["wrong_pixels"] == wrong(cell_stack, slices).sum()
    assert [row["wrong_pixels"] for row in values["per_slice"]] == wrong(cell_stack, slices).tolist()
    assert [row["slice"] for row in values["per_slice"]] == [8, 9, 10, 11]
    assert values["slices_used"] == [8, 9, 10, 11]
    assert values["leaks"] is False
    assert values["threshold"] == 0.5
    assert values["v_rand"] > 0.9
    json.dumps(values, allow_nan=False)

    assert found.folder == mid_grey_run.folder / "evaluation" / "cells"
    assert listing(found.folder.parent) == [
        "cells", "cells/error_parts.npz", "cells/events.csv", "cells/evidence.npz", "cells/neurites.csv",
        "cells/probability.tif", "cells/slices.csv", "cells/summary.json",
    ]  # fmt: skip
    expected = np.round(255 / (1 + np.exp(10 - 20 * (images / 255))))
    np.testing.assert_array_equal(tifffile.imread(found.folder / "probability.tif"), expected)
    again, facts = read_evaluation(found.folder)
    np.testing.assert_array_equal(again.evidence.counts, found.evaluation.evidence.counts)
    assert again.thresholds == {"pixel": 0.5, "topology": 0.75}
    assert (facts["leaks"], facts["synthetic"], facts["part"], facts["run"]) == (False, True, "test", "mid-grey")


def test_thresholds_by_name_and_by_number(mid_grey_run, cells, cell_stack):
    topology = evaluation_json(evaluated(mid_grey_run, cells, threshold="topology"))
    # 0.75 lies between the grey values 141 and 142.
    assert topology["wrong_pixels"] == wrong(cell_stack, slice(8, 12), 141).sum()
    found = evaluated(mid_grey_run, cells, threshold=0.9)
    assert found.point == "chosen"
    chosen = evaluation_json(found)
    assert chosen["threshold"] == 0.9
    assert chosen["wrong_pixels"] == wrong(cell_stack, slice(8, 12), 155).sum()
    # A number a user tries does not enter the folder.
    assert set(read_evaluation(found.folder)[0].thresholds) == {"pixel", "topology"}
    for threshold in ("best", 1.5, float("nan")):
        with pytest.raises(ConfigError):
            evaluated(mid_grey_run, cells, threshold=threshold)


def test_slices_that_were_trained_on_leak(mid_grey_run, cells):
    found = evaluated(mid_grey_run, cells, part="train")
    assert found.evaluation.slices == mid_grey_run.split.train == tuple(range(6))
    assert found.audit.leaks
    assert found.audit.trained_on == tuple(range(6))
    assert evaluation_json(found)["leaks"] is True
    assert found.folder.name == "cells@train"
    assert read_evaluation(found.folder)[1]["leaks"] is True
    # Each part has a folder of its own.
    for part, slices in (("validation", (7,)), ("all", tuple(range(12)))):
        other = evaluated(mid_grey_run, cells, part=part)
        assert other.evaluation.slices == slices
        assert other.folder.name == f"cells@{part}"
        assert other.audit.leaks == (part == "all")
        assert other.audit.chosen_on == (7,)
    assert len(mid_grey_run.evaluations()) == 3


def test_the_same_pixels_under_another_name_are_the_same_stack(mid_grey_run, cells, cell_stack):
    twin = install("twin", *map(array_stack, cell_stack))
    found = evaluated(mid_grey_run, twin)
    assert (found.part, found.evaluation.slices) == ("test", (8, 9, 10, 11))
    assert not found.audit.leaks
    assert evaluated(mid_grey_run, twin, part="train").audit.leaks


def test_turned_copies_in_another_stack_leak(mid_grey_run, cells, cell_stack):
    images, labels = (np.array([stack[9], stack[2, ::-1, ::-1], stack[7, :, ::-1]]) for stack in cell_stack)
    mixed = install("mixed", array_stack(images), array_stack(labels))
    found = evaluated(mid_grey_run, mixed)
    assert (found.part, found.evaluation.slices) == ("all", (0, 1, 2))
    assert found.audit.trained_on == (1,)
    assert found.audit.chosen_on == (2,)
    assert found.audit.leaks
    with pytest.raises(ConfigError, match=r"mixed is not the stack the run was trained on.*--slices all"):
        evaluated(mid_grey_run, mixed, part="test")


def test_another_stack_is_evaluated_whole(mid_grey_run, small_pair):
    other = install("other", *map(array_stack, small_pair))
    found = evaluated(mid_grey_run, other)
    assert found.part == "all"
    assert not found.audit.leaks
    assert not found.synthetic
    assert evaluation_json(found)["wrong_pixels"] == ((small_pair[0] > 127) != (small_pair[1] > 0)).sum()


def test_large_slices_are_kept_reduced_beside_their_predictions(mid_grey_run, cells):
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (2, 32, 2064), dtype=np.uint8)
    labels = np.where(rng.random(images.shape) < 0.8, 255, 0).astype(np.uint8)
    found = evaluated(mid_grey_run, install("wide", array_stack(images), array_stack(labels)))
    predicted = tifffile.imread(found.folder / "probability.tif")
    for page, (q, label) in enumerate(zip(predicted, labels, strict=True)):
        peak, trough = np.where(label, 0, q), np.where(label, q, 255)
        for plane, full, function in (("peak", peak, np.max), ("trough", trough, np.min)):
            reduced = tifffile.imread(found.folder / f"probability-eighth-{plane}.tif")[page]
            np.testing.assert_array_equal(reduced, block_reduce(full, (8, 8), function))
    assert tifffile.imread(found.folder / "probability-eighth.tif").shape == (2, 4, 258)


def test_without_test_slices_everything_is_evaluated(mid_grey_run, cells):
    split = dataclasses.replace(mid_grey_run.split, test=())
    found = evaluated(dataclasses.replace(mid_grey_run, split=split), cells)
    assert found.part == "all"
    with pytest.raises(ConfigError, match="the run has no test slices"):
        evaluated(dataclasses.replace(mid_grey_run, split=split), cells, part="test")


def test_an_unfinished_run_at_a_number(mid_grey_run, cells):
    unfinished = mid_grey_run.update(operating_points=None, state="interrupted")
    with pytest.raises(RunError, match="no thresholds yet; found state interrupted"):
        evaluated(unfinished, cells)
    assert evaluated(unfinished, cells, threshold=0.5).evaluation.thresholds == {"chosen": 0.5}


def test_what_cannot_be_evaluated(mid_grey_run, cells, cell_stack, listing):
    before = listing(mid_grey_run.folder)
    with pytest.raises(ConfigError, match="unknown part of a dataset; found middle; expected train, validation"):
        evaluated(mid_grey_run, cells, part="middle")
    with pytest.raises(DataError, match="no labels to measure against"):
        evaluated(mid_grey_run, install("plain", array_stack(cell_stack[0])))
    mid_grey_run.weights.unlink()
    with pytest.raises(RunError, match="the weights are missing"):
        evaluated(mid_grey_run, cells)
    assert [path for path in listing(mid_grey_run.folder) if path != "evaluation"] == [
        path for path in before if path != "model.safetensors"
    ]


def test_evaluating_again_gives_the_same_and_replaces_the_folder(mid_grey_run, cells):
    first = evaluated(mid_grey_run, cells)
    (first.folder / "note.txt").write_text("old")
    again = evaluated(open_run("mid-grey"), cells, workers=1)
    assert evaluation_json(again) == evaluation_json(first)
    assert not (first.folder / "note.txt").exists()


def test_the_notebooks_confusion_is_added_where_it_is_asked_for(mid_grey_run, cells):
    evaluation = dataclasses.replace(mid_grey_run.config.evaluation, notebook_confusion=True)
    run = dataclasses.replace(mid_grey_run, config=dataclasses.replace(mid_grey_run.config, evaluation=evaluation))
    assert evaluated(run, cells).evaluation.notebook_sums is not None
    assert evaluated(mid_grey_run, cells).evaluation.notebook_sums is None


def test_what_a_killed_evaluation_left_is_no_evaluation_and_goes_with_the_next(
    mid_grey_run, cells, models_dir, run_python, data_dir, listing
):
    done = run_python(
        """
        import os, signal, sys
        from segcore.data import open_dataset
        from segcore.evaluation import evaluate
        from segcore.runs import open_run
        def look(event, values):
            if event == "os.rename" and str(values[1]).endswith(".cells.new"):
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(look)
        evaluate(open_run("mid-grey"), open_dataset("cells"), device="cpu")
        """,
        SEGCORE_DATA_DIR=str(data_dir),
        SEGCORE_MODELS_DIR=str(models_dir),
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = listing(mid_grey_run.folder / "evaluation")
    assert any(name.endswith("probability.tif") for name in left)
    assert any(name.endswith("summary.json") for name in left)
    assert mid_grey_run.evaluations() == ()
    evaluated(mid_grey_run, cells)
    assert [path.name for path in (mid_grey_run.folder / "evaluation").iterdir()] == ["cells"]
