"""What can go wrong for a user, as exceptions that say what was found and what was expected.

Every mistake a user can make ends in a `SegcoreError`. The command line prints its one line
and exits with 2; the dashboard shows it as a message.
"""

from __future__ import annotations

from os import PathLike, fspath


class SegcoreError(Exception):
    """A mistake or a condition the user can act on.

    Args:
        problem: what is wrong, as a clause without a full stop.
        path: the file or folder it is about, if any.
        found: what was there.
        expected: what should have been there, or what to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | PathLike[str] | None = None,
        found: object | None = None,
        expected: object | None = None,
    ) -> None:
        self.problem = problem
        self.path = None if path is None else fspath(path)
        self.found = None if found is None else str(found)
        self.expected = None if expected is None else str(expected)
        super().__init__(problem, self.path, self.found, self.expected)

    def __str__(self) -> str:
        text = self.problem if self.path is None else f"{self.path}: {self.problem}"
        if self.found is not None:
            text += f"; found {self.found}"
        if self.expected is not None:
            text += f"; expected {self.expected}"
        return " ".join(text.split())


class ConfigError(SegcoreError):
    """A setting with an unknown name, a wrong type or a value out of range."""


class DataError(SegcoreError):
    """An image, a stack, a folder, an archive or a dataset that cannot be used as it is."""


class FetchError(SegcoreError):
    """A download that failed, or whose pixels are not those that were promised."""


class RunError(SegcoreError):
    """A run folder that is missing, damaged, of a newer format, or not fit for what was asked."""


class TrainingError(SegcoreError):
    """A training that cannot start or cannot go on."""


class JobError(SegcoreError):
    """A job that does not exist, or cannot do what was asked of it."""


class StorageError(SegcoreError):
    """A full disk, a folder that cannot be written, or a name that is no safe folder name."""
