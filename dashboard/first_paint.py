"""Puts the app's own styles into the page that everything else is drawn on.

Streamlit draws an empty page, and what a script says of styles comes when the script has run: then everything on it
moves. So they stand in the page itself, with room for the sidebar and the app's own title.
"""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STYLES = Path(__file__).with_name("page.css")
_THEIR_TITLE, _OUR_TITLE = b"<title>Streamlit</title>", b"<title>segcore</title>"
# What the browser knows of the page is about the one without styles, and a packed page could not be written into.
_LEFT_OUT = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")


class FirstPaint:
    """Middleware that writes the styles into the head of every page of HTML."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self._app(scope, receive, send)
            return
        asked = [(name, value) for name, value in scope["headers"] if name not in _LEFT_OUT]
        await self._app({**scope, "headers": asked}, receive, _Styled(send))


class _Styled:
    """Takes the parts of an answer; those of a page are sent on when it is complete."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                await self._send(message)
            else:
                self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._whole(self._start)

    async def _whole(self, start: Message) -> None:
        styles = b"<style>" + _STYLES.read_bytes() + b"</style></head>"
        body = self._body.replace(_THEIR_TITLE, _OUR_TITLE).replace(b"</head>", styles, 1)
        headers = MutableHeaders(raw=[one for one in start["headers"] if one[0] not in (b"etag", b"last-modified")])
        headers["content-length"] = str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})
