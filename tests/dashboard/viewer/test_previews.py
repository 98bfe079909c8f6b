"""The route that serves what a network sees: the pictures of a run, and nothing else on the disk."""

import http.client
import threading
import time

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")
import uvicorn
from starlette.applications import Starlette

from dashboard.viewer.addresses import routes
from segcore.runs import Previews


@pytest.fixture
def get(mid_grey_run):
    """Sends a path as it is, byte for byte, to a real server."""
    plane = np.arange(45 * 52, dtype=np.uint16).reshape(45, 52).astype(np.uint8)
    Previews(mid_grey_run).write(3, 7, plane)
    Previews(mid_grey_run).write_slice(7, plane, plane)
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes()), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)

    def send(path):
        connection = http.client.HTTPConnection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1], timeout=30)
        try:
            connection.putrequest("GET", path, skip_host=False)
            connection.endheaders()
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    yield send
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("file", ["epoch-000003-slice-7.png", "slice-7-image.png", "slice-7-label.png"])
def test_the_pictures_of_a_run_are_served(file, get, mid_grey_run):
    assert get(f"/segcore/previews/mid-grey/{file}?1") == (200, (mid_grey_run.folder / "previews" / file).read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        "mid-grey/run.json", "mid-grey/..%2Frun.json", "mid-grey/../run.json", "..%2F..%2Fetc/passwd", "mid-grey/",
        "nobody/epoch-000003-slice-7.png", "mid-grey/epoch-000004-slice-7.png", "mid-grey/%00", ".jobs/lock",
    ],
)  # fmt: skip
def test_nothing_else_is(path, get, mid_grey_run):
    (mid_grey_run.folder / "previews" / "notes.txt").write_text("no picture")
    status, body = get(f"/segcore/previews/{path}")
    assert status == 404
    assert b"{" not in body
    assert get("/segcore/previews/mid-grey/notes.txt")[0] == 404
