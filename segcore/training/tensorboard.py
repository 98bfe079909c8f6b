"""TensorBoard event files, written where training can hear what the disk says."""

from __future__ import annotations

import importlib.util
import logging
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from segcore.storage import storage_errors

log = logging.getLogger("segcore.training.tensorboard")


def event_file(folder: Path) -> EventFile | None:
    """A new event file, or None, with a word in the log, where tensorboardX is not installed: it is a convenience."""
    if importlib.util.find_spec("tensorboardX") is None:
        log.warning("tensorboardX is not installed: no TensorBoard files are written")
        return None
    return EventFile(folder)


class EventFile:
    """A new event file in a folder, for numbers by epoch.

    The usual writer hands events to a thread of its own. On a full disk that thread ends, and
    training waits for it for ever; here each epoch is on the disk before training goes on.

    Raises:
        StorageError: from each method, if the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        self._folder = folder
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
            # The name has the time in seconds; a training resumed within one must not take the file of the first.
            self._writer = EventsWriter(str(folder / "events"), f".{secrets.token_hex(4)}")

    def add(self, values: Mapping[str, float], epoch: int) -> None:
        """Writes the numbers of an epoch, by name."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        numbers = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        with storage_errors(self._folder):
            self._writer.write_event(Event(wall_time=time.time(), step=epoch, summary=Summary(value=numbers)))
            self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        with storage_errors(self._folder):
            self._writer.close()
