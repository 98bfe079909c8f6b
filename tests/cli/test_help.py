"""What is printed, and where; help of every command, fast."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from calling import COMMANDS, assert_refused, environment, process


def test_help_of_every_command_has_an_example_and_waits_for_nothing_heavy(run_python):
    found = run_python(
        """
        import contextlib, io, json, sys
        from segcore.cli import grammar as cli
        texts = {}
        for command in ("", *sys.argv[1:]):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
                cli.main([command, "--help"] if command else ["--help"])
            texts[command] = out.getvalue()
        heavy = {"torch", "numpy", "lightning_fabric", "tifffile", "skimage"} & sys.modules.keys()
        print(json.dumps([texts, sorted(heavy)]))
        """,
        *COMMANDS,
    )
    texts, heavy = json.loads(found.stdout)
    assert heavy == []
    assert all(command in texts[""] for command in COMMANDS)
    for command in COMMANDS:
        assert f"example:\n  python -m segcore {command}" in texts[command]


def test_the_program_prints_results_on_stdout_and_mistakes_on_stderr(data, tmp_path):
    listed = process("datasets", "--json")
    assert [info["name"] for info in listed.json()["installed"]] == ["bare", "tiny"]
    assert listed.err == ""
    assert_refused(process("split", "nowhere"), data, "bare, tiny")
    missing = process("import", tmp_path / "nowhere.tif", "--name", "new")
    assert_refused(missing, tmp_path / "nowhere.tif", "no such file")
    assert_refused(process("nonsense"), "invalid choice")
    assert_refused(process(), "COMMAND")


def test_lists_need_no_torch(run, run_python):
    found = run_python(
        """
        import sys
        from segcore.cli import grammar as cli
        for command in ("runs", "datasets"):
            cli.main([command])
        cli.main(["split", "tiny"])
        print({"torch", "lightning_fabric"} & sys.modules.keys(), file=sys.stderr)
        """
    )
    assert found.stderr.strip() == "set()", found


def test_reader_that_has_seen_enough(data):
    reading, writing = os.pipe()
    os.close(reading)
    result = process("datasets", stdout=writing)
    os.close(writing)
    assert (result.code, result.err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_to_a_full_disk(data):
    with open("/dev/full", "wb") as full:
        assert_refused(process("datasets", stdout=full), "No space left")


def test_letters_that_a_terminal_has_not(world, tmp_path, data_dir):
    source = os.fsencode(tmp_path / "a b é ") + b"\xff.tif"
    shutil.copy(world / "images.tif", source)
    out = os.fsencode(tmp_path / "out ") + b"\xfe"
    plain = environment(PYTHONIOENCODING="ascii", SEGCORE_DATA_DIR=data_dir)
    for arguments in ((b"import", source, b"--name", b"new"), (b"export", b"new", out), (b"datasets",)):
        done = subprocess.run(
            [sys.executable, "-m", "segcore", *arguments], env=plain, capture_output=True, check=False
        )
        assert done.returncode == 0, done
        assert b"Traceback" not in done.stderr
    assert len(os.listdir(out)) == 1


def test_no_argument_is_an_empty_text(refused, run):
    for arguments in (
        ["import", "", "--name", "new"], ["import", "x.tif", "--name", "new", "--labels", ""],
        ["fetch", "isbi2012", "--from", ""], ["export", "tiny", ""], ["augment", "tiny", "--out", ""],
        ["predict", "first", "", "out"], ["predict", "first", "x.tif", " "],
    ):  # fmt: skip
        refused(arguments, "nothing was given")
