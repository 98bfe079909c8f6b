"""The app: `streamlit run dashboard/app.py`, from any folder.

The file is read twice: by the server, for which it makes `app` with the viewer's routes, and by every session,
for which it draws the sidebar and the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Streamlit puts this folder first on the path, where its files would hide packages of the same name, and does so again
# in every session unless it is there. So it stays, as the last; and nothing is changed that need not be: a thread that
# imports something while the path changes does not find what is there.
_FOLDERS = [(one, Path(one or ".").resolve()) for one in sys.path]
_PATH = [str(HERE.parent), *(one for one, folder in _FOLDERS if folder not in (HERE, HERE.parent))]
_PATH += [one for one, folder in _FOLDERS if folder == HERE] or [str(HERE)]
if sys.path != _PATH:
    sys.path[:] = _PATH

import streamlit as st  # noqa: E402
from streamlit.runtime.scriptrunner import get_script_run_ctx  # noqa: E402

if get_script_run_ctx(suppress_warning=True) is None:
    from starlette.middleware import Middleware

    from dashboard import memory, viewer
    from dashboard.first_paint import FirstPaint
    from dashboard.scratch import for_a_while

    memory.share_arenas()
    app = st.App(__file__, routes=viewer.routes(), lifespan=for_a_while, middleware=[Middleware(FirstPaint)])
else:
    from dashboard.sidebar import run_app

    run_app()
