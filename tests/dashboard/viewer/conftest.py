"""A real server of the viewer's addresses."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette

from dashboard.viewer.addresses import routes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def plane(self, name: str | None = None) -> np.ndarray:
        shape = tuple(int(side) for side in self.headers["x-shape"].split(","))
        names = self.headers["x-planes"].split(",")
        planes = np.frombuffer(self.body, np.uint8).reshape(len(names), *shape)
        return planes[names.index(name) if name else 0]


@pytest.fixture(scope="session")
def ask() -> Iterator[Callable[..., Answer]]:
    """Sends a path as it is, byte for byte; what is found there is what the environment says at the time."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes()), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def send(path: str, method: str = "GET") -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=False)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    yield send
    server.should_exit = True
    thread.join()
