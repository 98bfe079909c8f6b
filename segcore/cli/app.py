"""Opens the dashboard, which is installed beside this package: its server takes the place of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from segcore.errors import SegcoreError

_SCRIPT = Path(__file__).resolve().parents[2] / "dashboard/app.py"


def open_app(options: Any) -> NoReturn:
    """Starts Streamlit with the settings that lie beside the dashboard.

    Args:
        options: `port` and `address`; None where the settings decide.

    Raises:
        SegcoreError: if the dashboard is not installed.
    """
    if not _SCRIPT.is_file():
        raise SegcoreError("the dashboard is not installed", path=_SCRIPT, expected="the whole package")
    given = {"--server.port": options.port, "--server.address": options.address}
    arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
    # -P: nothing in the working directory takes the place of a package.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(_SCRIPT), *arguments]
    sys.stdout.flush()
    os.execv(command[0], command)
