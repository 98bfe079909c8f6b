"""The addresses the viewer asks: raw bytes of tiles and of pixel tables, straight from the files, and previews.

    /segcore/tiles/{dataset}/{run}/{part}/{layer}/{z}/{level}/{ty}/{tx}
    /segcore/evidence/{dataset}/{run}/{part}/{first}/{count}
    /segcore/wrong/{dataset}/{run}/{part}/{value}/{tolerance}
    /segcore/neurites/{dataset}/{run}/{part}/{z}?{bias, where segments are to be cut anew}
    /segcore/apart/{dataset}/{run}/{part}/{z}/{value}
    /segcore/thumbnails/{dataset}/{run}/{part}/{z}/{top}/{left}/{bottom}/{right}?{kind, value, tolerance, at, side,
    version}
    /segcore/previews/{run}/{file}?{time of change}

A tile is up to 512 x 512 pixels of uint8, row by row; X-Shape is its height and width, X-Planes the names of the
planes that follow one another: one, but for the layers `bundle`, which is all that the viewer needs of pixels, and
`numbers`, whose they are; that one, and what became of each neurite and segment as JSON, is asked for only where it is
shown. So is `apart`, what wrong pixels are part of at a threshold (`?value=`, the last one called membrane), with their
numbers. Run `-` is none.

Everything is read-only, and every part of a path is checked before it is used: names as `segcore` checks them,
numbers as plain digits within their range, everything else against a list. What does not exist is a 404, what
cannot exist a 400, and neither says where files lie.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dashboard.viewer import apart, neurites
from dashboard.viewer.ahead import Ahead, Look
from dashboard.viewer.apart import apart_counts
from dashboard.viewer.layers import NO_RUN, Layers, NotThere, open_layers, tables
from dashboard.viewer.neurites import neurite_facts
from dashboard.viewer.previews import preview
from dashboard.viewer.thumbnails import LARGEST_SIDE, MOST_OPENINGS, SIDE, THUMBNAIL_KINDS, thumbnail
from dashboard.viewer.tiles import APART, LAYERS, NUMBERS, tile
from dashboard.viewer.turns import LOOKED_AT, SOON, TURNS, Dropped, Turns, Wish, give_way
from segcore.errors import SegcoreError, StorageError
from segcore.measures import DISTANCE_BINS, PROBABILITY_VALUES

MOST_TABLES = 64
"""The most slices whose evidence is sent at once (12 KiB each)."""

_PLACE = ("z", "top", "left", "bottom", "right")
_NUMBER = re.compile(r"[0-9]{1,7}")
# Threads of their own: tiles that wait for their turn never keep the rest of the app waiting.
_THREADS = ThreadPoolExecutor(max_workers=12, thread_name_prefix="tiles")
# The numbers of a large slice take seconds; tiles of pixels do not wait for them.
_NUMBER_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="numbers")
# Taking its errors apart takes longer still, in steps that cannot be interrupted; so these give way to all the others.
_APART_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="apart", initializer=give_way, initargs=(10,))
_AHEAD = Ahead()


class BadAddress(ValueError):
    """A part of a path that cannot name anything."""


def routes() -> list[Route]:
    """The routes for `st.App(routes=...)`."""
    stack = "{dataset}/{run}/{part}"
    return [
        Route(f"/segcore/tiles/{stack}/{{layer}}/{{z}}/{{level}}/{{ty}}/{{tx}}", _answer(_tile), methods=["GET"]),
        Route(f"/segcore/evidence/{stack}/{{first}}/{{count}}", _answer(_evidence_tables), methods=["GET"]),
        Route(f"/segcore/wrong/{stack}/{{value}}/{{tolerance}}", _answer(_wrong), methods=["GET"]),
        Route(f"/segcore/neurites/{stack}/{{z}}", _answer(_neurites), methods=["GET"]),
        Route(f"/segcore/apart/{stack}/{{z}}/{{value}}", _answer(_apart), methods=["GET"]),
        Route(
            f"/segcore/thumbnails/{stack}/{{z}}/{{top}}/{{left}}/{{bottom}}/{{right}}",
            _answer(_thumbnail),
            methods=["GET"],
        ),
        Route("/segcore/previews/{run}/{file}", preview, methods=["GET"]),
        # Streamlit answers unknown paths with its page; below here they are mistakes.
        Route("/segcore/{rest:path}", _nothing, methods=["GET"]),
        Route("/segcore", _nothing, methods=["GET"]),
    ]


def _nothing(request: Request) -> Response:
    return _refusal(404, "no such address")


def _answer(make: Callable[[Request, Wish], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        layer = request.path_params.get("layer")
        threads = _THREADS
        if make is _neurites or layer == NUMBERS:
            threads = _NUMBER_THREADS
        elif make is _apart or layer == APART:
            threads = _APART_THREADS
        pixels = threads is _THREADS
        wish = Wish((SOON if request.query_params.get("soon") == "1" else LOOKED_AT) + (not pixels))
        # A browser that goes on to the next slice hangs up.
        gone = asyncio.ensure_future(_hung_up(request))
        for turns in (TURNS, neurites.MAKING, apart.MAKING):
            gone.add_done_callback(partial(_drop, turns, wish))
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, partial(_made, make, request, wish))
        finally:
            gone.cancel()

    return endpoint


def _drop(turns: Turns, wish: Wish, _: asyncio.Future[None]) -> None:
    turns.drop(wish)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _made(make: Callable[[Request, Wish], Response], request: Request, wish: Wish) -> Response:
    try:
        return make(request, wish)
    except (BadAddress, StorageError) as error:
        return _refusal(400, error.problem if isinstance(error, StorageError) else str(error))
    except NotThere as error:
        return _refusal(404, str(error))
    except SegcoreError as error:
        return _refusal(404, error.problem)
    except OSError:
        # Deleted or rewritten between the look and the reading.
        return _refusal(404, "the files changed while they were read")
    except Dropped:
        return _refusal(404, "nobody waits for this")


def _refusal(status: int, text: str) -> Response:
    return PlainTextResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def _raw(parts: list[bytes], media_type: str = "application/octet-stream", **headers: str) -> Response:
    # identity: the server would compress it otherwise, which takes longer than sending it to the same machine.
    return Response(
        b"".join(parts),
        media_type=media_type,
        headers={
            "Content-Encoding": "identity",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def _number(text: str, what: str, largest: int) -> int:
    if not _NUMBER.fullmatch(text):
        raise BadAddress(f"{what} is not a number")
    value = int(text)
    if value > largest:
        raise NotThere(f"{what} is too large")
    return value


def _layers(request: Request) -> Layers:
    run = request.path_params["run"]
    return open_layers(request.path_params["dataset"], None if run == NO_RUN else run, request.path_params["part"])


def _tile(request: Request, wish: Wish) -> Response:
    path = request.path_params
    if path["layer"] not in LAYERS:
        raise BadAddress("unknown layer")
    z, level, ty, tx = (_number(path[name], name, 10**7) for name in ("z", "level", "ty", "tx"))
    tolerance = _number(request.query_params.get("tolerance", "0"), "tolerance", DISTANCE_BINS - 1)
    layers = _layers(request)
    value = _value(request.query_params.get("value", "")) if path["layer"] == APART else 0
    planes = tile(layers, path["layer"], z, level, ty, tx, tolerance, wish, _bias(request), value)
    if wish.urgency == LOOKED_AT:
        _AHEAD.looked(Look(layers, z, tolerance))
    height, width = next(iter(planes.values())).shape
    return _raw([plane.tobytes() for plane in planes.values()], X_Shape=f"{height},{width}", X_Planes=",".join(planes))


def _evidence_tables(request: Request, wish: Wish) -> Response:
    """Tables of evaluated slices, by their position: uint32, little-endian, (count, 2, 256, 6)."""
    first = _number(request.path_params["first"], "first", 10**7)
    count = _number(request.path_params["count"], "count", MOST_TABLES)
    found = tables(_layers(request)).counts[first : first + count]
    if not len(found):
        raise NotThere("no such slices")
    return _raw([found.astype("<u4").tobytes()], X_Shape=",".join(str(side) for side in found.shape))


def _wrong(request: Request, wish: Wish) -> Response:
    """Wrong pixels of every evaluated slice, uint32, for the last 8-bit value called membrane and a tolerance."""
    value = _value(request.path_params["value"])
    tolerance = _number(request.path_params["tolerance"], "tolerance", DISTANCE_BINS - 1)
    layers = _layers(request)
    found = tables(layers)
    return _raw([found.confusion(value / (PROBABILITY_VALUES - 1), tolerance).wrong_pixels.astype("<u4").tobytes()])


def _neurites(request: Request, wish: Wish) -> Response:
    """What there is to know of each neurite and segment of a slice."""
    z = _number(request.path_params["z"], "z", 10**7)
    return _raw([neurite_facts(_layers(request), z, wish, _bias(request))], media_type="application/json")


def _apart(request: Request, wish: Wish) -> Response:
    """Wrong pixels of a slice by part and distance, uint32, little-endian, for the last 8-bit value called membrane."""
    z = _number(request.path_params["z"], "z", 10**7)
    found = apart_counts(_layers(request), z, _value(request.path_params["value"]), wish)
    return _raw([found.tobytes()], X_Shape=",".join(str(side) for side in found.shape))


def _thumbnail(request: Request, wish: Wish) -> Response:
    """A picture of a place, of the version of the files that is named; it never changes, so browsers may keep it."""
    z, top, left, bottom, right = (_number(request.path_params[name], name, 10**7) for name in _PLACE)
    asked = request.query_params
    kind = next((one for one in THUMBNAIL_KINDS if one == asked.get("kind")), None)
    if kind is None:
        raise BadAddress("unknown kind")
    at = [_number(one, "at", 10**7) for one in asked.get("at", "").split(",") if one][: 2 * MOST_OPENINGS]
    tolerance = _number(asked.get("tolerance", "0"), "tolerance", DISTANCE_BINS - 1)
    layers = _layers(request)
    if asked.get("version") != layers.version:
        raise NotThere("another version of the files")
    openings = list(zip(at[::2], at[1::2], strict=False))
    side = max(SIDE, _number(asked.get("side", f"{SIDE}"), "side", LARGEST_SIDE))
    picture = thumbnail(
        layers, z, (top, bottom, left, right), kind, _value(asked.get("value", "")), tolerance, openings, wish, side
    )
    # Of what a visitor brought browsers keep nothing either.
    kept = "no-store" if layers.temporary else "private, max-age=604800, immutable"
    headers = {"Content-Encoding": "identity", "Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return Response(picture, media_type="image/jpeg", headers=headers)


def _value(text: str) -> int:
    return _number(text, "value", PROBABILITY_VALUES - 1)


def _bias(request: Request) -> float | None:
    """The bias that segments are to be cut with, in percent; none where those of the evaluation are wanted."""
    text = request.query_params.get("bias")
    if text is None:
        return None
    percent = _number(text, "bias", 99)
    if not percent:
        raise BadAddress("a bias is at least 1 percent")
    return percent / 100
