"""The form that starts a training: prefilled, checked as it is typed, and honest about leaks before anything runs."""

from __future__ import annotations

import dataclasses
import os
import re

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
from reading import APP, bugs, text_of
from streamlit.testing.v1 import AppTest

from dashboard.trainings import draft
from dashboard.trainings.starting import OPEN
from segcore.config import AugmentConfig, ModelConfig, RunConfig
from segcore.errors import TrainingError
from segcore.jobs import JobQueue, measure, train_seconds
from segcore.locking import locked
from segcore.presets import preset
from segcore.progress import duration
from segcore.runs import Seen

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX systems")


@pytest.fixture
def queue(models_dir, cells):
    """A queue whose jobs stay where they are, on a machine that is being measured: this test says that it does both."""
    queue = JobQueue()
    queue.folder.mkdir(parents=True)
    with locked(queue.lane_lock("cpu")), locked(queue.folder / "measuring-cpu.lock"):
        yield queue


def opened(page="errors", **address):
    """A page with the form open."""
    test = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in address.items():
        test.query_params[key] = value
    return click_open(test.switch_page(f"views/{page}.py").run())


def click_open(test):
    return test.button(key="open training form").click().run()


def field(test, name):
    return test.text_input(key=f"train {name}")


def choose(test, name, value):
    return test.selectbox(key=f"train {name}").set_value(value).run()


def fill_in_with(test, base):
    return test.button(key=f"train base {base}").click().run()


def start_button(test):
    return next(one for one in test.button if one.label == "Start training")


def problems(test):
    return "\n".join(one.value for one in test.markdown if ":red[" in one.value)


def test_start_puts_what_the_form_says_into_the_queue_and_closes_it(queue):
    test = opened()
    assert field(test, "name").value == "cells-quick-1"
    field(test, "train.epochs").set_value("3").run()
    start_button(test).click().run()
    assert not bugs(test)
    (job,) = queue.jobs()
    assert (job.run, job.dataset, job.state, job.started_from) == ("cells-quick-1", "cells", "waiting", "")
    assert job.config.train.epochs == 3
    assert job.config.preset == "quick"
    assert not [one for one in test.button if one.label == "Start training"]
    click_open(test)
    assert field(test, "name").value == "cells-quick-2"
    assert field(test, "train.epochs").value == "3"


def test_a_second_click_on_the_same_button_starts_nothing(queue):
    test = opened()
    clicked = start_button(test)
    clicked.click().run()
    # What the browser sends when the second click was on its way while the first was dealt with.
    click_open(test)
    assert start_button(test).key != clicked.key
    assert len(queue.jobs()) == 1


def test_each_value_is_checked_by_the_settings_own_rules(queue):
    test = opened()
    for name, text, expected in (
        ("train.epochs", "0", "0 does not fit: 1 to 100000"),
        ("train.epochs", "many", "'many' does not fit: a whole number"),
        ("train.epochs", "", "'' does not fit: a whole number"),
        ("model.width", "999", "1 to 256 features"),
        ("train.learning_rate", "1,5", "a finite number"),
        ("train.learning_rate", "-1", "more than 0, at most 10"),
        ("train.seed", "1.5", "a whole number"),
        ("augment.rotation_deg", "500", "0 to 180 degrees"),
    ):
        usual = field(test, name).value
        field(test, name).set_value(text).run()
        assert expected in problems(test).replace("\\", ""), (name, text)
        assert start_button(test).disabled
        field(test, name).set_value(usual).run()
        assert not problems(test)
        assert not start_button(test).disabled


def test_what_is_wrong_is_said_beside_the_button_too(queue):
    """Its field may be out of sight."""
    test = opened()
    field(test, "model.width").set_value("0").run()
    field(test, "name").set_value("").run()
    assert "1 to 256 features" in problems(test)
    assert "Does not fit yet: Width and Name of the run." in problems(test)
    assert "being measured" not in text_of(test)
    assert start_button(test).disabled


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", "A run needs a name"), ("../up", "not a safe folder name"), ("mid-grey", "already something of this name"),
     ("asked-for", "job 1 has asked for the run")],
)  # fmt: skip
def test_names_are_checked(name, expected, queue, mid_grey_run):
    queue.start(dataset="cells", config=preset("quick"), run="asked-for", token="t", accelerator="cpu")
    test = opened()
    field(test, "name").set_value(name).run()
    assert expected.lower() in problems(test).replace("\\", "").lower()
    assert start_button(test).disabled
    field(test, "name").set_value("mine").run()
    assert not start_button(test).disabled


def test_a_click_right_after_the_last_letter_starts_nothing_wrong(queue):
    test = opened()
    field(test, "train.epochs").set_value("0")  # typed, but the page does not know yet
    start_button(test).click().run()
    assert queue.jobs() == []
    assert start_button(test).disabled


def test_presets_and_the_chosen_run_fill_in_the_form(queue, mid_grey_run):
    test = opened()
    fill_in_with(test, "notebook")
    assert field(test, "train.epochs").value == "50"
    assert field(test, "name").value == "cells-notebook-1"
    assert test.selectbox(key="train loss.kind").value == "dice"
    fill_in_with(test, "run mid-grey")
    assert field(test, "model.width").value == "1"
    assert field(test, "train.epochs").value == "60"
    field(test, "train.epochs").set_value("2").run()
    start_button(test).click().run()
    config = queue.jobs()[0].config
    assert config.model == mid_grey_run.config.model  # also what the form does not ask for
    assert config.train.epochs == 2


def test_a_name_that_was_typed_stays_when_the_preset_changes(queue):
    test = opened()
    field(test, "name").set_value("my-own").run()
    fill_in_with(test, "standard")
    assert field(test, "name").value == "my-own"
    assert field(test, "train.epochs").value == "75"


def test_augmentation_is_that_of_the_preset_of_the_notebook_or_off(queue):
    test = opened()
    choose(test, "augment", "notebook")
    assert field(test, "augment.rotation_deg").value == "25"
    field(test, "augment.rotation_deg").set_value("10").run()
    start_button(test).click().run()
    click_open(test)
    choose(test, "augment", "off")
    assert not [one for one in test.text_input if one.key == "train augment.rotation_deg"]
    start_button(test).click().run()
    notebook, off = (job.config.augment for job in queue.jobs())
    assert (notebook.rotation_deg, notebook.flips, notebook.noise_fixed) == (10, "one-of-three", True)
    assert off == AugmentConfig.off()


def test_a_loss_without_pixels_goes_without_their_weights(queue):
    test = opened()
    fill_in_with(test, "standard")
    choose(test, "loss.kind", "jaccard")
    assert not problems(test)
    start_button(test).click().run()
    assert (queue.jobs()[0].config.loss.kind, queue.jobs()[0].config.loss.boundary_weight) == ("jaccard", 0)


def test_folds_are_named_by_the_slices_they_hold_out(queue):
    test = opened()
    choose(test, "split.protocol", "kfold")
    assert test.selectbox(key="train split.fold").options == [
        "1 of 3: slices 0-3", "2 of 3: slices 4-7", "3 of 3: slices 8-11",
    ]  # fmt: skip
    choose(test, "split.fold", "2")
    start_button(test).click().run()
    assert (queue.jobs()[0].config.split.protocol, queue.jobs()[0].config.split.fold) == ("kfold", 2)


def cards(test):
    """What stands on the cards, by the preset or run."""
    bases = [one for one in test.button if (one.key or "").startswith("train base ")]
    aims = [one.value for one in test.markdown if re.match(r"\*\*(quick|standard|notebook|as .+)\*\*", one.value)]
    sizes = [one.value for one in test.caption if " epochs · " in one.value]
    return {
        button.key.removeprefix("train base "): f"{aim} {size} [{button.label}]"
        for button, aim, size in zip(bases, aims, sizes, strict=True)
    }


def test_a_card_says_what_a_preset_is_for_and_how_large_it_is(models_dir, mid_grey_run, cells):
    measure(preset("quick"), cells.info, "cpu")
    seconds = train_seconds(preset("quick"), cells.info, "cpu")
    test = opened()
    found = cards(test)
    assert "A usable model within minutes" in found["quick"]
    assert "20 epochs · patches of 256 px · width 16 features" in found["quick"]
    assert f"about {duration(seconds)} on the CPU" in found["quick"]
    assert "[Chosen]" in found["quick"]
    assert "It leaks" in found["notebook"]
    assert "50 epochs · whole slices · width 32 features" in found["notebook"]
    assert "time not measured yet" in found["standard"]
    assert "[Choose as mid-grey]" in found["run mid-grey"].replace("\\", "")
    found = cards(fill_in_with(test, "notebook"))
    assert "[Choose quick]" in found["quick"]
    assert "[Chosen]" in found["notebook"]


def test_a_card_fills_in_all_also_where_a_late_letter_ends_that_run(queue):
    """The message with the letter brings the values of all fields, as they were before the click."""
    test = opened()
    field(test, "train.epochs").set_value("7").run()
    before = {one.key: one.value for one in (*test.text_input, *test.selectbox) if one.key.startswith("train ")}
    test.session_state["train base"] = "notebook"
    test.session_state["train: filling in"] = True  # the click's run came as far as this
    for key, value in before.items():
        test.session_state[key] = value
    test.run()
    assert field(test, "train.epochs").value == "50"
    assert test.selectbox(key="train split.protocol").value == "notebook"
    field(test, "train.epochs").set_value("8").run()
    assert field(test, "train.epochs").value == "8"


def test_fields_say_their_units(queue):
    labels = [one.label for one in opened().text_input]
    for label in ("Batch size (patches)", "Width (features)", "Rotation ±°", "Bending, px", "Noise level (0 to 1)"):
        assert label in labels


def test_what_was_typed_is_there_when_the_form_is_opened_again(queue):
    test = opened()
    field(test, "name").set_value("mine").run()
    field(test, "train.epochs").set_value("7").run()
    test.session_state[OPEN] = False  # as its cross does
    test.run()
    assert not [one for one in test.text_input if (one.key or "").startswith("train ")]
    test.switch_page("views/confusion.py").run()
    click_open(test)
    assert (field(test, "name").value, field(test, "train.epochs").value) == ("mine", "7")


# --- leaks and weights --------------------------------------------------------------------------


def warnings(test):
    return "\n".join(one.value for one in test.warning)


def test_the_notebooks_protocol_is_called_leaking_before_it_starts(queue):
    test = opened()
    assert "leak" not in warnings(test)
    fill_in_with(test, "notebook")
    assert "This would leak" in warnings(test)
    assert "both learned from and validated with" in warnings(test)
    assert not start_button(test).disabled  # it is a warning, not a prohibition


def test_weights_that_have_seen_the_test_slices_leak(queue, mid_grey_run):
    """The run has learned from slices 0 to 5; the first of three folds holds out 0 to 3."""
    test = opened()
    fill_in_with(test, "run mid-grey")
    choose(test, "from", "mid-grey")
    assert "leak" not in warnings(test)
    choose(test, "split.protocol", "kfold")
    assert "has learned from slices 0-" in warnings(test)
    start_button(test).click().run()
    assert queue.jobs()[0].started_from == "mid-grey"


@pytest.mark.parametrize(
    ("trained", "validated", "told"),
    [
        ((), (), ""),
        ((), (7,), ""),  # it is validated with here too
        ((), (8,), "**This would flatter.** Test slices 8 choose epochs or thresholds, here or in mid-grey, whose"),
        (
            (9, 7),
            (8,),
            "**This would leak.** mid-grey, whose weights it would begin with, has learned from slices 7, 9",
        ),
    ],
)
def test_what_the_weights_have_seen_is_told(trained, validated, told, queue, mid_grey_run, cells):
    prints = cells.info.slice_fingerprints
    nowhere = tuple(f"other {z}" for z in range(12))
    before = Seen(trained=tuple(prints[z] for z in trained), validated=tuple(prints[z] for z in validated))
    parent = dataclasses.replace(mid_grey_run, slice_fingerprints=nowhere, inherited=before)
    planned = draft.Draft(dataset="cells", name="new", started_from="mid-grey", config=RunConfig(), problems={})
    said = draft.leak(planned, cells.info, parent).replace("\\", "")
    assert said.startswith(told)
    assert bool(said) == bool(told)
    assert "none" not in said


def test_weights_of_another_network_do_not_fit(queue, mid_grey_run):
    test = opened()
    assert "mid-grey (another network)" in test.selectbox(key="train from").options
    choose(test, "from", "mid-grey")
    assert "another architecture" in problems(test)
    assert "model.width=16" in problems(test).replace("\\", "")
    assert start_button(test).disabled


# --- what is shown, and where not ---------------------------------------------------------------


def test_the_time_is_being_measured_until_it_is_known(queue):
    assert "being measured" in text_of(opened())


def test_time_and_memory_are_said_once_they_are_known(models_dir, cells):
    measure(preset("quick"), cells.info, "cpu")
    said = text_of(opened())
    assert re.search(r"on the CPU, about \d+\.\d GB of memory \(by a few steps measured here\)", said)


def test_what_the_machine_has_not_the_memory_for_is_refused(queue):
    huge = dataclasses.replace(preset("quick"), model=ModelConfig(width=256, depth=7))
    with pytest.raises(TrainingError, match="not even with one patch at once"):
        queue.start(dataset="cells", config=huge, run="huge", token="t", accelerator="cpu")
    assert queue.jobs() == []
    said = draft.draft(queue, huge, {}, dataset="cells", name="huge", started_from="", lane="cpu").problems[""]
    assert said.startswith("The training does not fit into memory, not even with one patch at once; found ")


def test_without_a_dataset_the_form_says_what_it_needs(data_dir, models_dir, monkeypatch):
    test = opened("data")
    assert not bugs(test)
    assert "A training needs a dataset with labels" in text_of(test)


def test_the_form_leads_to_images_of_ones_own(queue):
    test = opened()
    test.button(key="train own images").click().run()
    assert not bugs(test)
    assert next(one.value for one in test.title).startswith("Data")
    assert test.segmented_control(key="section").value == "import"
    assert not [one for one in test.button if one.label == "Start training"]


def test_a_closed_form_offers_nothing_and_costs_nothing(queue):
    test = AppTest.from_file(str(APP), default_timeout=120).switch_page("views/errors.py").run()
    assert not [one for one in test.text_input if (one.key or "").startswith("train ")]


def test_read_only_has_no_form(queue, monkeypatch):
    test = opened()
    monkeypatch.setenv("SEGCORE_READ_ONLY", "1")
    test.run()
    assert not [one for one in test.button if one.label == "Train a model"]
    assert not [one for one in test.button if one.label == "Start training"]


def test_a_cluster_that_is_set_up_is_offered(queue):
    assert "train device" not in [one.key for one in opened().selectbox]
    (queue.models / "slurm.toml").write_text('executor = "local"\n')
    with locked(queue.lane_lock("slurm")):
        test = choose(opened(), "device", "slurm")
        assert "Sent to the cluster" in text_of(test)
        start_button(test).click().run()
        assert [job.lane for job in queue.jobs()] == ["slurm"]
        queue.stop(1)
    assert not bugs(test)
