"""The viewer and its server: what comes late, is refused, replaced or gone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from segcore.data import install
from segcore.stacks import StackWriter, array_stack

pytestmark = pytest.mark.browser

APP = Path(__file__).with_name("viewer_app.py")


@pytest.fixture(scope="module")
def world(cells_world):
    return cells_world


def test_a_lost_server_is_said_and_not_thrown(open_page):
    page = open_page()
    page.page.route("**/segcore/**", lambda route: route.fulfill(status=404, body="there is no such evaluation"))
    page.root.focus()
    page.page.keyboard.press("End")
    page.page.get_by_text("there is no such evaluation").wait_for()


def test_values_follow_under_a_pointer_that_rests(open_page, world):
    """Also where no new run of the script draws the page anew."""
    images, heard = world["cells"][0], True

    def between(socket) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: server.send(message) if heard else None)

    page = open_page(before=lambda empty: empty.route_web_socket("**/_stcore/stream", between))
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    readout = page.root.locator('[data-at="readout"]')
    readout.filter(has_text="probability").wait_for()
    x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", readout.inner_text()).groups())
    heard = False
    page.page.keyboard.press("End")  # to one that was not fetched ahead
    readout.filter(has_text=f"x {x}, y {y} · intensity {images[7, y, x]} ·").wait_for(timeout=20_000)


def test_counts_that_were_refused_once_are_asked_for_again(open_page):
    refused = []

    def refuse_once(route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, body="busy")

    page = open_page(before=lambda empty: empty.route("**/segcore/evidence/**", refuse_once))
    page.page.wait_for_selector(".viewer[data-wrong]", timeout=20_000)
    assert refused


@pytest.mark.slow
def test_what_is_deleted_or_replaced_meanwhile_is_said_or_shown(open_page, world, monkeypatch):
    monkeypatch.setenv("SEGCORE_DATA_DIR", str(world["root"] / "data"))
    root, (images, labels, predictions, _) = world["root"], world["cells"]
    install("passing", array_stack(images), array_stack(labels))
    evaluation = root / "models/net/evaluation"
    shutil.copytree(evaluation / "cells", evaluation / "passing")
    page = open_page("dataset=passing")
    readout = page.root.locator('[data-at="readout"]')

    # Replaced: what is fetched from now on is the new one.
    with StackWriter(root / "new.tif", height=300, width=420, slices=8) as writer:
        for one in predictions:
            writer.write(255 - one)
    (root / "new.tif").replace(evaluation / "passing/probability.tif")
    page.keys("End")
    box = page.root.locator('[data-at="canvas"]').bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2 + 9, box["y"] + box["height"] / 2)
    readout.filter(has_text="probability").wait_for()
    x, y = (int(part) for part in re.match(r"x (\d+), y (\d+)", readout.inner_text()).groups())
    assert f"probability {(255 - int(predictions[7, y, x])) / 255:.3f}" in readout.inner_text()

    # Deleted: said, for as long as it is so, and not with the picture of another slice.
    (evaluation / "passing").rename(root / "away")
    page.root.focus()
    for _ in range(3):
        page.page.keyboard.press("ArrowLeft")  # to one that was not fetched ahead
    message = page.root.locator('[data-at="message"]')
    page.page.get_by_text("there is no such evaluation").first.wait_for()
    page.page.wait_for_timeout(7000)
    assert message.is_visible() or page.page.get_by_text("there is no such evaluation").count()
