"""A download that goes on where it broke off, for pooch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from segcore.errors import FetchError
from segcore.progress import Watch, unwatched
from segcore.storage import storage_errors

# What was received of a block when the connection breaks is lost, so blocks are small.
_BLOCK = 2**13
_TIMEOUTS_S = (15, 60)


@dataclass(frozen=True, kw_only=True)
class ResumingDownload:
    """Downloads a URL to a file, several attempts long; a pooch downloader.

    A broken connection is taken up at the byte where it broke if the server allows it, and from
    the start if not. Answers that will not change, such as 404, are not asked for again.

    Attributes:
        attempts: how often to try.
        pause_s: seconds before the second attempt; doubled before each later one.
        limit: the most bytes to accept.
        progress: show a bar on stderr.
        watch: told the bytes received so far.
    """

    attempts: int = 4
    pause_s: float = 1.0
    limit: int = 2**30
    progress: bool = False
    watch: Watch = unwatched

    def __call__(self, url: str, output_file: Any, pooch: Any = None) -> None:
        """Writes what is at `url` to the path `output_file`, or raises a `FetchError`."""
        path = Path(output_file)
        with storage_errors(path):
            path.write_bytes(b"")
        for attempt in range(self.attempts):
            if attempt:
                self._pause(self.pause_s * 2 ** (attempt - 1))
            try:
                self._attempt(url, path)
                return
            except requests.RequestException as error:
                reason = error
        raise FetchError(
            f"the download failed {self.attempts} times",
            path=url,
            found=_plain(reason),
            expected="a connection that lasts, or --from with a mirror or a local copy",
        ) from reason

    def _pause(self, seconds: float) -> None:
        """Waits, so that who watches can end it at any time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.watch("waiting to try again", 0, None)
            time.sleep(min(left, 0.2))

    def _attempt(self, url: str, path: Path) -> None:
        have = path.stat().st_size
        # Compressed transfers would make sizes and places in the file mean something else.
        self.watch("downloading", have, None)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
            status = response.status_code
            if status == 416:
                have = 0
                path.write_bytes(b"")
                raise requests.RequestException("the server has less than it had before")
            if 400 <= status < 500 and status not in (408, 429):
                raise FetchError(
                    "the server has no such file",
                    path=url,
                    found=f"{status} {response.reason}",
                    expected="a URL that exists, or --from with a mirror or a local copy",
                )
            response.raise_for_status()
            resumed = status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            start = have if resumed else 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length else None
            self._receive(response, url, path, start, total)
            if total is not None and path.stat().st_size != total:
                raise requests.ConnectionError(f"stopped after {path.stat().st_size} of {total} bytes")

    def _receive(self, response: requests.Response, url: str, path: Path, start: int, total: int | None) -> None:
        size = start
        bar = tqdm(
            total=total,
            initial=start,
            desc="download",
            unit="B",
            unit_scale=True,
            disable=not self.progress,
            leave=False,
        )
        with bar, path.open("r+b") as file:
            file.truncate(start)
            file.seek(start)
            for block in response.iter_content(_BLOCK):
                size += len(block)
                if size > self.limit:
                    raise FetchError("the download is too large", path=url, expected=f"at most {self.limit} bytes")
                with storage_errors(path):
                    file.write(block)
                bar.update(len(block))
                self.watch("downloading", size, total)
            with storage_errors(path):
                file.flush()


def _plain(error: BaseException) -> str:
    """The reason at the end of a chain of errors, without the objects that network libraries quote."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:160]
