"""Downloading one file with pooch, within a limit; what goes wrong is one line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from segcore.errors import FetchError
from segcore.progress import SILENT, Progress, Say
from segcore.storage import storage_errors

_ATTEMPTS = 3
_TIMEOUTS_S = (15, 60)
_BLOCK = 2**15


def download(url: str, path: Path, *, limit: int, progress: Progress = SILENT) -> None:
    """Downloads a URL to a file, in three attempts with a pause between them.

    Args:
        path: of the new file; there is none after an error.
        limit: the most bytes to accept.
        progress: told the bytes received so far.

    Raises:
        FetchError: if it cannot be had, or is too large.
        StorageError: if the disk refuses.
    """
    import pooch
    import requests

    def attempt(url: str, file: Any, _: Any) -> None:
        # Compressed transfers would make sizes mean something else.
        as_it_is = {"Accept-Encoding": "identity"}
        try:
            with progress.step("downloading", unit="B") as say:
                bar = _Arriving(url, limit, say)
                get = pooch.HTTPDownloader(bar, chunk_size=_BLOCK, timeout=_TIMEOUTS_S, headers=as_it_is)
                get(url, file, None)
        except requests.HTTPError as error:
            answer = error.response
            if answer is None or answer.status_code >= 500 or answer.status_code in (408, 429):
                raise
            # What will not change is not asked for again.
            raise FetchError(
                "the server has no such file",
                path=url,
                found=f"{answer.status_code} {answer.reason}",
                expected="a URL that exists, or --from with a mirror or a local copy",
            ) from error

    pooch.get_logger().setLevel(logging.ERROR)  # it announces every attempt
    known, urls = {path.name: None}, {path.name: url}
    files = pooch.create(path.parent, "", registry=known, urls=urls, retry_if_failed=_ATTEMPTS - 1)
    with storage_errors(path):
        try:
            files.fetch(path.name, downloader=attempt)
        except requests.RequestException as error:
            raise FetchError(
                f"the download failed {_ATTEMPTS} times",
                path=url,
                found=_plain(error),
                expected="a connection that lasts, or --from with a mirror or a local copy",
            ) from error


class _Arriving:
    """What pooch takes for a progress bar: says how much has arrived, and ends what is too large."""

    def __init__(self, url: str, limit: int, say: Say) -> None:
        self.total = 0
        self._url, self._limit, self._say = url, limit, say
        self._done = 0

    def update(self, size: int) -> None:
        self._done += size
        if max(self._done, self.total) > self._limit + _BLOCK:
            raise FetchError("the download is too large", path=self._url, expected=f"at most {self._limit / 1e6:g} MB")
        # The last block is told as a whole one.
        self._say(min(self._done, self.total or self._done), self.total or None)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Whoever made the step ends it."""


def _plain(error: BaseException) -> str:
    """The reason at the end of a chain of errors, without the objects that network libraries quote."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"[:160]
