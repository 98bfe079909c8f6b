"""The Errors page in a real Chromium: places are walked through and judged by keys, and no verdict is lost."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
from browsing import APP, PATIENCE, sample_and_run, settled, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The synthetic sample and a copy of the run on it that comes with the program."""
    folder = tmp_path_factory.mktemp("reviewing")
    environment = sample_and_run(folder, "judged")
    return SimpleNamespace(folder=folder, environment=environment, run=folder / "models" / "judged")


@pytest.fixture(scope="module")
def app(world, serve):
    """The app over it."""
    pytest.importorskip("streamlit", reason="streamlit is not installed")
    with serve(APP, world.folder, **world.environment) as address:
        yield SimpleNamespace(address=address, run=world.run)


@pytest.fixture
def verdicts(world):
    """What is on the disk, from nothing."""
    from segcore.evaluation import read_evaluation
    from segcore.reviews import Reviews

    for path in world.run.glob("reviews.sqlite*"):
        path.unlink()
    _, facts = read_evaluation(world.run / "evaluation" / "sample")
    reviews = Reviews(world.run, facts["dataset_fingerprint"])
    return lambda: [(one.reviewer, one.place.slice, one.decision, one.note) for one in reviews.latest()]


def events(world):
    from segcore.evaluation import events_by_harm, read_evaluation

    return events_by_harm(read_evaluation(world.run / "evaluation" / "sample")[0])


def name_of(event) -> str:
    """An event in the address."""
    return f"{'loop-' if event.loop else ''}{event.kind}-{event.slice}-{event.y}-{event.x}"


def chosen(page) -> int:
    """Which row is chosen, from 0; -1 for none."""
    rows = page.locator(".queue [role=option]")
    return rows.evaluate_all('all => all.findIndex((one) => one.getAttribute("aria-selected") === "true")')


def say_who(page, name: str) -> None:
    page.locator(".queue .name input").fill(name)
    page.keyboard.press("Enter")


def saved(page) -> None:
    page.locator(".queue .status").get_by_text("Saved:").wait_for()


def test_ten_places_are_judged_by_keys_alone(app, world, browse, verdicts):
    worst = events(world)
    page = browse(f"{app.address}/errors")
    viewer = page.locator(".viewer")
    page.locator(".queue [role=option]").first.wait_for()
    wait_until(lambda: chosen(page) == 0)
    wait_until(lambda: viewer.get_attribute("data-slice") == str(worst[0].slice))
    for number, event in enumerate(worst[:10]):
        if number:
            page.keyboard.press("n")
        wait_until(lambda number=number: chosen(page) == number)
        places = ", ".join(f"{x} {y}" for y, x in event.openings)
        wait_until(lambda places=places: viewer.get_attribute("data-rings") == places)
        assert viewer.get_attribute("data-slice") == str(event.slice)
        page.keyboard.press("amlu"[number % 4])
        if not number:
            say_who(page, "Ada")
    wait_until(lambda: len(verdicts()) == 10)
    wait_until(lambda: page.locator(".queue .verdict.saving").count() == 0)
    decisions = ("acceptable", "model error", "label error", "unsure")
    expected = [("Ada", event.slice, decisions[number % 4], "") for number, event in enumerate(worst[:10])]
    assert sorted(verdicts()) == sorted(expected)
    assert "10 of " in page.locator(".queue .progress").inner_text()
    page.keyboard.press("Control+z")
    wait_until(lambda: len(verdicts()) == 9)
    page.keyboard.press("p")
    wait_until(lambda: chosen(page) == 8)
    # The next visit finds all of it, and the reader by name.
    page.wait_for_function(
        "(name) => new URLSearchParams(location.search).get('event') === name", arg=name_of(worst[8])
    )
    again = browse(page.url)
    again.locator(".queue .who").get_by_text("Ada").wait_for()
    wait_until(lambda: chosen(again) == 8)
    letters = again.locator(".queue .verdict").all_inner_texts()[:10]
    assert letters == ["A", "M", "L", "U", "A", "M", "L", "U", "A", ""]


def test_keys_that_come_faster_than_the_page_lose_nothing(app, world, browse, verdicts):
    page = browse(f"{app.address}/errors")
    wait_until(lambda: chosen(page) == 0)
    page.keyboard.press("m")
    if page.locator(".queue .name").is_visible():
        say_who(page, "Ada")
    for number in range(1, 25):
        page.keyboard.press("n")
        page.keyboard.press("amlu"[number % 4])
    wait_until(lambda: len(verdicts()) == 25)
    wait_until(lambda: page.locator(".queue .verdict.saving").count() == 0)
    letters = page.locator(".queue .verdict").all_inner_texts()[:26]
    assert letters == ["M", *("AMLU"[number % 4] for number in range(1, 25)), ""]
    for _ in range(5):
        page.keyboard.press("Control+z")
    wait_until(lambda: len(verdicts()) == 20)


def test_a_note_goes_with_the_verdict_and_keys_in_it_are_text(app, browse, verdicts):
    page = browse(f"{app.address}/errors")
    wait_until(lambda: chosen(page) == 0)
    note = page.locator(".queue textarea")
    note.click()
    page.keyboard.type("a loop, mauled")
    page.keyboard.press("Escape")
    assert chosen(page) == 0
    page.keyboard.press("m")
    if page.locator(".queue .name").is_visible():
        say_who(page, "Ada")
    wait_until(lambda: [one[2:] for one in verdicts()] == [("model error", "a loop, mauled")])
    note.click()
    page.keyboard.type("!")
    page.keyboard.press("Escape")
    wait_until(lambda: [one[2:] for one in verdicts()] == [("model error", "a loop, mauled!")])


def test_two_reviewers_at_once_see_each_other(app, chromium, world, verdicts):
    pages = []
    for name in ("Ada", "Bo"):
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(f"{app.address}/errors")
        settled(page)
        pages.append((name, page))
    for name, page in pages:
        wait_until(lambda page=page: chosen(page) == 0)
        page.keyboard.press("m" if name == "Ada" else "l")
        say_who(page, name)
        saved(page)
    for _, page in pages:
        page.keyboard.press("n")
        page.keyboard.press("u")
    wait_until(lambda: len(verdicts()) == 4)
    assert sorted(one[0] for one in verdicts()) == ["Ada", "Ada", "Bo", "Bo"]
    pages[0][1].reload()
    settled(pages[0][1])
    wait_until(lambda: pages[0][1].locator(".queue .verdict").first.inner_text().split() == ["M", "l"])
    for _, page in pages:
        page.context.close()


def test_a_link_opens_at_its_event(app, world, browse):
    event = events(world)[6]
    page = browse(f"{app.address}/errors?event={name_of(event)}")
    wait_until(lambda: chosen(page) == 6)
    viewer = page.locator(".viewer")
    wait_until(lambda: viewer.get_attribute("data-slice") == str(event.slice))
    wait_until(lambda: viewer.get_attribute("data-rings") == ", ".join(f"{x} {y}" for y, x in event.openings))
    page.wait_for_function(f"() => location.search.includes('slice={event.slice}')")
    # Nobody is led away from a slice that a link names.
    other = next(z for z in range(20, 30) if z != events(world)[0].slice)
    page = browse(f"{app.address}/errors?slice={other}")
    page.locator(".queue [role=option]").first.wait_for()
    assert chosen(page) == -1
    assert page.locator(".viewer").get_attribute("data-slice") == str(other)


def test_a_copied_link_opens_the_exact_view(app, world, browse):
    page = browse(f"{app.address}/errors")
    wait_until(lambda: chosen(page) == 0)
    page.keyboard.press("n")
    page.wait_for_function(
        "(name) => new URLSearchParams(location.search).get('event') === name", arg=name_of(events(world)[1])
    )
    page.wait_for_function("(z) => location.search.includes(`slice=${z}`)", arg=events(world)[1].slice)
    viewer = page.locator(".viewer")
    viewer.focus()
    for key in ("5", "7", "+", "+"):
        page.keyboard.press(key)
    wait_until(lambda: viewer.get_attribute("data-complete") == "true")
    # A page that may not write to the clipboard says the link instead.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject() } })")
    viewer.locator('[data-do="link"]').click()
    link = viewer.locator('[data-at="message"]').inner_text().removeprefix("Copy this link: ")
    assert "#view=" in link
    again = browse(link)
    other = again.locator(".viewer")
    wait_until(lambda: other.get_attribute("data-view") == viewer.get_attribute("data-view"))
    assert chosen(again) == 1
    shown = [one.locator("[data-layer][aria-pressed=true]").all_inner_texts() for one in (viewer, other)]
    assert shown[0] == shown[1]
    assert any("Segments" in text for text in shown[0])
    for nonsense in ("#view=a,b,c", "#view=1,2", "#view=1,2,-3&layers=everything", "#layers=image&mode=none&bias=x"):
        page = browse(f"{app.address}/errors?slice=25{nonsense}")
        assert page.locator(".viewer").get_attribute("data-slice") == "25"


def test_another_bias_cuts_segments_anew_while_the_slider_moves(app, world, browse, monkeypatch):
    import tifffile

    from segcore.data import open_dataset
    from segcore.measures import score_segments, true_neurites
    from segcore.segments import segments_of

    page = browse(f"{app.address}/errors?slice=25")
    slider, said = (page.locator(f'.viewer [data-at="{name}"]') for name in ("bias", "bias-text"))
    wait_until(lambda: said.inner_text().startswith("0.55 (the run's)"))
    monkeypatch.setenv("SEGCORE_DATA_DIR", world.environment["SEGCORE_DATA_DIR"])
    neurites = true_neurites(open_dataset("sample").labels[25] > 0)
    probability = tifffile.imread(world.run / "evaluation/sample/probability.tif")[5]
    settled(page)
    wait_until(lambda: page.locator(".viewer").get_attribute("data-complete") == "true")
    move = "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }"
    for bias in (20, 80):
        slider.evaluate(move, bias)
        score = score_segments(neurites, segments_of(probability, 2.0, bias / 100))
        text = f"0.{bias} · V_Rand {score.v_rand:.4f}, V_Info {score.v_info:.4f}"
        wait_until(lambda text=text: said.inner_text().startswith(text))
    wait_until(lambda: page.locator(".viewer").get_attribute("data-complete") == "true")
    slider.evaluate("(one) => { one.value = 55; one.dispatchEvent(new Event('input')); }")
    wait_until(lambda: said.inner_text().startswith("0.55 (the run's) · V_Rand"))


def test_slice_and_queue_fit_the_window(app, browse):
    page = browse(f"{app.address}/errors")
    page.set_viewport_size({"width": 1400, "height": 900})
    wait_until(lambda: page.locator(".viewer").get_attribute("data-complete") == "true")
    for part in (".viewer .slices", ".queue .foot"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900, part
    assert page.locator(".viewer [data-do=worst]").inner_text() == "Harm"
    # The queue stands beside the viewer, and under it where the window is narrow.
    viewer, queue = page.locator(".viewer").bounding_box(), page.locator(".queue").bounding_box()
    assert queue["x"] >= viewer["x"] + viewer["width"]
    page.set_viewport_size({"width": 420, "height": 900})
    wait_until(lambda: page.locator(".queue").bounding_box()["width"] <= 420)
    viewer, queue = page.locator(".viewer").bounding_box(), page.locator(".queue").bounding_box()
    assert abs(queue["y"] - viewer["y"]) >= min(queue["height"], viewer["height"])


def test_a_label_that_is_wrong_is_left_out_with_a_click_and_its_undo(app, world, browse, verdicts, monkeypatch):
    import numpy as np

    from segcore.data import corrections_of, open_dataset
    from segcore.stacks import IGNORE

    monkeypatch.setenv("SEGCORE_DATA_DIR", world.environment["SEGCORE_DATA_DIR"])
    event = next(one for one in events(world) if one.kind == "merge")
    page = browse(f"{app.address}/errors?event={name_of(event)}")
    page.set_viewport_size({"width": 1400, "height": 900})
    row = next(number for number, one in enumerate(events(world)) if one == event)
    wait_until(lambda: chosen(page) == row)
    line = page.locator(".st-key-correcting")
    offered, undo = (line.get_by_role("button", name=name) for name in ("Leave it out", "Undo"))
    assert offered.count() == 0
    page.keyboard.press("l")
    if page.locator(".queue .name").is_visible():
        say_who(page, "Ada")
    offered.wait_for()
    # The queue stands where it stood, and all of it is in the window with what is below it.
    box = offered.bounding_box()
    assert box["y"] + box["height"] <= 900
    place = page.locator(".queue .list").bounding_box()
    offered.click()
    undo.wait_for()
    assert page.locator(".queue .list").bounding_box() == place
    assert chosen(page) == row
    copy = open_dataset("sample-corrected")
    (made,) = corrections_of(copy).corrections
    assert (made.place.slice, made.place.y, made.place.x, made.reviewer) == (event.slice, event.y, event.x, "Ada")
    assert (copy.label(event.slice) == IGNORE).sum() == made.pixels > 0
    line.get_by_text(f"Corrected: {made.pixels:,} px left out").wait_for()
    undo.click()
    offered.wait_for()
    np.testing.assert_array_equal(open_dataset("sample-corrected").labels, open_dataset("sample").labels)
    assert chosen(page) == row
    # Keys still walk through the queue.
    page.keyboard.press("n")
    wait_until(lambda: chosen(page) == row + 1)
    offered.wait_for(state="detached")


@pytest.mark.slow
def test_a_verdict_that_was_shown_as_saved_outlives_a_kill(world, serve, browse, verdicts):
    """The server is killed the moment its page says so."""
    for number in range(1, 4):
        with serve(APP, world.folder, **world.environment) as address:
            page = browse(f"{address}/errors")
            wait_until(partial(is_chosen, page, 0))
            for _ in range(number):
                page.keyboard.press("n")
            wait_until(partial(is_chosen, page, number))
            page.keyboard.press("m")
            say_who(page, "Ada")
            saved(page)
            address.process.kill()
            page.close()
        assert len(verdicts()) == number


def is_chosen(page, number: int) -> bool:
    return chosen(page) == number
