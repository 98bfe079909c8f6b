"""What people get who install the package: everything it needs, the command, and the dashboard."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from waiting import REPOSITORY, wait_for

from segcore import __version__

PACKAGES = ("segcore", "dashboard")
NOT_INSTALLED = {"__pycache__", "screenshots"}


def in_the_repository(package: str) -> set[str]:
    """Every file of a package, but for the README's pictures and what Python leaves behind."""
    files = {path.relative_to(REPOSITORY) for path in (REPOSITORY / package).rglob("*") if path.is_file()}
    return {path.as_posix() for path in files if not NOT_INSTALLED & set(path.parts)}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from a copy, for a build leaves files beside what it builds."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "requirements"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns(*NOT_INSTALLED))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", built, source]
    subprocess.run(command, check=True)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with nothing but the wheel; what the wheel needs is lent by this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin/python"
    install = [sys.executable, "-m", "pip", "-q", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    site = next(folder.glob("lib/*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory far from the repository, with a file that must not take a package's place."""
    folder = tmp_path / "elsewhere"
    (folder / "dashboard").mkdir(parents=True)
    for name in ("dashboard/__init__.py", "streamlit.py", "segcore.py"):
        (folder / name).write_text("raise SystemExit('this is not the package')\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_every_file_and_names_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as files:
        names = {name for name in files.namelist() if ".dist-info/" not in name}
        about = next(name for name in files.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(files.read(about).decode())
    assert names == set().union(*map(in_the_repository, PACKAGES))
    needed = metadata.get_all("Requires-Dist")
    for file, extra in (("run", ""), ("checks", '; extra == "checks"')):
        lines = (REPOSITORY / f"requirements/{file}.txt").read_text().splitlines()[1:]
        assert {line.split("  #")[0] + extra for line in lines} <= set(needed), file
    assert metadata["License-Expression"] == "MIT"


@pytest.mark.slow
def test_the_installed_command_helps_from_any_folder(scripts, elsewhere):
    done = subprocess.run([scripts / "segcore", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: segcore [-h] COMMAND")
    assert "open the dashboard in a browser" in done.stdout


@pytest.mark.slow
def test_the_installed_app_opens_with_its_settings_from_any_folder(scripts, elsewhere, mid_grey_run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = elsewhere / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [scripts / "segcore", "app", "--port", str(port)],
            stdout=output,
            stderr=output,
            env=os.environ | {"STREAMLIT_SERVER_HEADLESS": "true"},
        )

    def answers() -> bool:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as reply:
                return reply.read() == b"ok"
        except OSError:
            return False

    try:
        wait_for(answers, "the server", 60)
        # Without the settings that are shipped, Streamlit listens to the whole network.
        wait_for(lambda: f"http://127.0.0.1:{port}" in log.read_text(), "the address")
        assert "Network URL" not in log.read_text()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    page = """
        import importlib.util
        from streamlit.testing.v1 import AppTest
        place = importlib.util.find_spec("dashboard").submodule_search_locations[0]
        page = AppTest.from_file(place + "/app.py", default_timeout=60).run()
        assert not page.exception and not page.error, (page.exception, page.error)
        print(place, [one.value for one in page.title], page.selectbox[0].value)
    """
    code = "\n".join(line.strip() for line in page.splitlines())
    done = subprocess.run([scripts / "python", "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith(str(scripts.parent / "lib"))
    assert "mid-grey" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "0"], "'0' is no port; expected 1 to 65535"),
        (["--port", "65536"], "'65536' is no port"),
        (["--port", "http"], "'http' is no port"),
        (["--address", ""], "nothing was given"),
    ],
)
def test_a_wrong_address_is_told_in_one_line(arguments, said):
    command = [sys.executable, "-m", "segcore", "app", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_citation_is_of_this_version():
    said = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in said
