"""Processes of this package that outlive the one that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from segcore.data import data_root
from segcore.posix import OWN_SESSION


def detached(arguments: list[str], *, models: Path, output: Any) -> subprocess.Popen[bytes]:
    """Starts `python -m segcore ARGUMENTS` in a session of its own, which outlives this process."""
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "SEGCORE_MODELS_DIR": str(models),
        "SEGCORE_DATA_DIR": str(data_root().absolute()),
    }
    process: subprocess.Popen[bytes] = subprocess.Popen(
        [sys.executable, "-m", "segcore", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        **OWN_SESSION,
    )
    # Somebody has to take note of its end, or it stays in the list of processes for as long as this one runs.
    threading.Thread(target=process.wait, daemon=True).start()
    return process
