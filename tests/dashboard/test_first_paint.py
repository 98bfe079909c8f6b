"""The app's own styles stand in the page before anything is drawn, and nothing else that is served is touched."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="streamlit is not installed")

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboard.first_paint import FirstPaint

PAGE = "<!DOCTYPE html><html><head><title>Streamlit</title></head><body><div id='root'></div></body></html>"
STYLES = (Path(__file__).parents[2] / "dashboard" / "page.css").read_text()


async def page(request: Request) -> Response:
    if "if-none-match" in request.headers:
        return Response(status_code=304)
    return HTMLResponse(PAGE, headers={"etag": '"as it was"', "cache-control": "no-cache"})


async def in_parts(request: Request) -> Response:
    return StreamingResponse(iter(PAGE), media_type="text/html")


async def numbers(request: Request) -> Response:
    return JSONResponse({"head": "</head>"}, headers={"etag": '"one"'})


APP = Starlette(
    routes=[Route("/", page), Route("/parts", in_parts), Route("/numbers", numbers)],
    middleware=[Middleware(FirstPaint), Middleware(GZipMiddleware, minimum_size=1)],
)


def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[dict] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        if message := next(asked, None):
            return message
        await asyncio.Event().wait()  # whoever asked stays

    async def send(message):
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": named,
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    with ThreadPoolExecutor(1) as thread:  # where the browser tests ran before, this one has a loop of its own
        thread.submit(asyncio.run, APP(scope, receive, send)).result()
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("path", ["/", "/parts"])
def test_a_page_has_the_styles_and_our_title_whatever_the_browser_knows_or_unpacks(path):
    asked = {"accept": "text/html,*/*", "accept_encoding": "gzip", "if_none_match": '"as it was"'}
    status, headers, body = get(path, **asked)
    assert status == 200
    assert body.decode() == PAGE.replace("Streamlit", "segcore").replace("</head>", f"<style>{STYLES}</style></head>")
    assert int(headers["content-length"]) == len(body)
    assert not {"etag", "content-encoding"} & {*headers}


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_what_is_no_page_stays_as_it_is(accept):
    status, headers, body = get("/numbers", accept=accept)
    assert (status, body) == (200, b'{"head":"</head>"}')
    assert headers["etag"] == '"one"'


def test_a_program_that_asks_for_anything_gets_what_there_is():
    assert get("/", accept="*/*")[2].decode() == PAGE


def test_styles_cannot_end_themselves():
    assert "</" not in STYLES
