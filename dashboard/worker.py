"""What needs PyTorch runs in one process of its own, so that the server never imports it and no page waits long.

Tasks and results are plain arrays and values. The process starts with the first task. It ends when it had nothing to
do for a while, when the task it works on is cancelled, and with the server.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import RunError, SegcoreError
from segcore.stacks import IGNORE, INTERIOR

if TYPE_CHECKING:
    from segcore.augmentation import AugmentedBatch

REST_S = 60.0
_LOOK_S = 0.1
_LAST_WORDS_S = 5.0
_HOME = Path(__file__).resolve().parents[1]
"""The folder that `dashboard` and `segcore` lie in, or are installed in."""


@dataclass(frozen=True, kw_only=True)
class Varied:
    """A copy of a slice.

    Attributes:
        source: index of the slice.
        image: (H, W) uint8.
        label: (H, W) uint8, as in `segcore.stacks.label`.
        parameters: of its transform, by name.
    """

    source: int
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    parameters: dict[str, Any]


def _go_on() -> None:
    """Nobody cancels."""


class _Worker:
    """Starts the process when there is something to do, and again if it was ended. One task at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._timer: threading.Timer | None = None

    def run(self, task: Callable[..., Any], values: tuple[Any, ...], check: Callable[[], object]) -> Any:
        while not self._turn.acquire(timeout=_LOOK_S):
            check()
        try:
            return self._ask(self._awake(), task, values, check)
        finally:
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(REST_S, self.rest)
            self._timer.daemon = True
            self._timer.start()
            self._turn.release()

    def rest(self) -> None:
        """Ends the process unless it is at work."""
        if self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def _awake(self) -> Connection:
        if self._process is None or self._connection is None or self._process.poll() is not None:
            self._end()
            self._process, self._connection = _started()
        return self._connection

    def _ask(
        self, connection: Connection, task: Callable[..., Any], values: tuple[Any, ...], check: Callable[[], object]
    ) -> Any:
        try:
            connection.send((task, values))
            while not connection.poll(_LOOK_S):
                check()
            error, answer = connection.recv()
        except (EOFError, OSError) as broken:
            raise self._ended() from broken
        except BaseException:
            self._end()
            raise
        if error is None:
            return answer
        if issubclass(error, SegcoreError):
            raise error(answer.pop("problem"), **answer)
        raise RuntimeError(answer)

    def _ended(self) -> RunError:
        """What is to be said of a process that went away while it had a task."""
        process = self._process
        assert process is not None
        try:
            code = process.wait(timeout=_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self._end()
        if code < 0:
            return RunError(
                "the process that computes was ended by the system, perhaps for lack of memory",
                found=f"signal {-code}",
                expected="a smaller image, or fewer copies",
            )
        return RunError(
            "the process that computes ended by itself",
            found=f"exit code {code}",
            expected="to find the reason in the output of the app",
        )

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process = self._connection = None


def _started() -> tuple[subprocess.Popen[bytes], Connection]:
    """A new process and the way to it.

    Not `multiprocessing`, which has the new process read the file that is `__main__` at that moment and take over the
    search path: in a server whose sessions run as `__main__`, both are some page's.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        path = os.pathsep.join([str(_HOME), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            [sys.executable, "-c", f"from dashboard.worker import serve; serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,  # which the system closes with the server, however that ends
            env=os.environ | {"PYTHONPATH": path},
        )
    return process, Connection(ours.detach())


_WORKER = _Worker()


def call(task: Callable[..., Any], *values: Any, check: Callable[[], object] = _go_on) -> Any:
    """Runs a function of this module in the worker and waits for what it gives.

    Args:
        check: called now and then meanwhile; what it raises ends the task, and the process with it.

    Raises:
        SegcoreError: what the task raised.
        RunError: the process was killed, as systems do that run out of memory, or ended by itself.
    """
    return _WORKER.run(task, values, check)


def rest() -> None:
    """Ends the process if it has nothing to do; the next task starts another one."""
    _WORKER.rest()


def serve(socket_number: int) -> None:
    """What the process does: one task after the other, until the server or its connection ends."""
    connection = Connection(socket_number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides
    _end_with_the_server()
    while True:
        try:
            task, values = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[type[Exception] | None, Any] = (None, task(*values))
        except SegcoreError as error:
            facts = {"problem": error.problem, "path": error.path, "found": error.found, "expected": error.expected}
            answer = (type(error), facts)
        except Exception as error:
            answer = (RuntimeError, f"{error}\n{traceback.format_exc()}")
        connection.send(answer)
        del task, values, answer


def _end_with_the_server() -> None:
    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


# --- what runs in the worker ------------------------------------------------------------------


def vary(dataset: str, settings: dict[str, Any], sources: list[int], count: int, seed: int) -> list[Varied]:
    """Copies of some slices, made as training makes them; each slice in turn."""
    import torch

    from segcore.augmentation import draw
    from segcore.checked import from_dict
    from segcore.config import AugmentConfig, RunConfig
    from segcore.data import open_dataset
    from segcore.training import BatchMaker, Sample

    stack = open_dataset(dataset)
    assert stack.labels is not None
    config = RunConfig(augment=from_dict(AugmentConfig, settings))
    samples = [
        Sample(
            source=sources[copy % len(sources)],
            transform=draw(config.augment, np.random.default_rng([seed, 1, copy])),
        )
        for copy in range(count)
    ]
    maker = BatchMaker(stack.images, stack.labels, config, torch.device("cpu"))
    made = []
    for sample in samples:
        batch = maker.make([sample], patch_px=0)
        made.append(
            Varied(
                source=sample.source,
                image=(batch.images[0, 0] * 255).round().byte().numpy(),
                label=_label_of(batch),
                parameters=asdict(sample.transform),
            )
        )
    return made


def _label_of(batch: AugmentedBatch) -> NDArray[np.uint8]:
    """The only label of a batch, (H, W), in the values of a dataset's."""
    label = batch.labels[0, 0].byte().mul(INTERIOR)
    if batch.counted is not None:
        label[~batch.counted[0, 0]] = IGNORE
    found: NDArray[np.uint8] = label.numpy()
    return found


def write_pool(dataset: str, settings: dict[str, Any], folder: str, count: int, seed: int) -> int:
    """The same files as `python -m segcore augment`; gives the number of pairs."""
    from segcore.checked import from_dict
    from segcore.config import AugmentConfig, RunConfig
    from segcore.data import open_dataset
    from segcore.training import write_pool as write

    config = RunConfig(augment=from_dict(AugmentConfig, settings))
    return write(open_dataset(dataset), config, Path(folder), count=count, seed=seed).copies


def predict(run: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Probability of interior of one slice (H, W) uint8, times 255."""
    from segcore.network import predict as predict_slices
    from segcore.runs import open_run

    opened = open_run(run)
    changed = opened.weights.stat().st_mtime_ns if opened.weights.exists() else 0
    return next(predict_slices(_network(run, changed), [image], opened.config.prediction))


@lru_cache(maxsize=1)
def _network(run: str, _changed: int) -> Any:
    from segcore.network import keep_freed_memory, load_network
    from segcore.runs import open_run

    keep_freed_memory()
    opened = open_run(run)
    return load_network(opened.config.model, opened.weights)
