"""Disks that are full, and folders that are closed."""

import json
import shutil

import pytest
from calling import SETTINGS, Result, assert_refused, tree

LIMITED = """
    import contextlib, io, json, logging, os, resource, sys
    from segcore.cli import grammar as cli
    logging.getLogger().addHandler(logging.NullHandler())
    results = []
    for limit, arguments in json.loads(sys.argv[1]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
            code = cli.main(arguments)
        results.append([code, err.getvalue()])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(json.dumps(results))
"""


def test_a_full_disk(run, data, tmp_path, world, run_python):
    """A limit on the size of files stands for the disk: the system refuses in the same places."""
    out = tmp_path / "out"
    cases = [
        (9000, ["import", world / "images.tif", "--name", "new", "--labels", world / "labels.tif"]),
        (1000, ["export", "tiny", out]),
        (1000, ["export", "tiny", out, "--format", "tiff"]),
        (20_000, ["augment", "tiny", "--count", "9", "--out", out]),
        (1000, ["augment", "tiny", "--count", "9", "--out", out]),
        (4000, ["predict", "first", world / "images.tif", out]),
        (4000, ["evaluate", "first"]),
        (3000, ["evaluate", "first", "--slices", "validation"]),
        (300, ["train", "tiny", "--name", "new", "--set", *SETTINGS]),
    ]
    before = tree(tmp_path)
    found = run_python(
        LIMITED, json.dumps([[limit, list(map(str, arguments))] for limit, arguments in cases]), OMP_NUM_THREADS="1"
    )
    assert "Traceback" not in found.stderr, found.stderr
    for (_, arguments), (code, err) in zip(cases, json.loads(found.stdout), strict=True):
        assert_refused(Result(code, "", err), tmp_path)
        assert "larger than this system allows" in err or "enough free space" in err, arguments
    assert tree(tmp_path) == before


@pytest.mark.slow
def test_a_disk_that_fills_up_while_training(data, models_dir, run_python, accepted):
    """Whatever cannot be written, the run stays one that can be resumed."""
    train = ["train", "tiny", "--name"]
    settings = ["--set", *SETTINGS]
    cases = [(limit, [*train, f"run-{limit}", *settings]) for limit in (1500, 2500, 4000, 9000, 20_000)]
    found = run_python(LIMITED, json.dumps(cases), OMP_NUM_THREADS="1")
    assert "Traceback" not in found.stderr, found.stderr
    results = json.loads(found.stdout)
    assert results[0][0] == 2
    for (limit, _), (code, err) in zip(cases, results, strict=True):
        if code:
            assert_refused(Result(code, "", err), "larger than this system allows", models_dir / f"run-{limit}")
            assert {path.name for path in (models_dir / f"run-{limit}").rglob(".*")} <= {".lock"}
    failed = [models_dir / f"run-{limit}" for (limit, _), (code, _) in zip(cases, results, strict=True) if code]
    for run in failed[:2]:
        assert "finished" not in (run / "run.json").read_text()
        accepted("train", "--resume", run.name)
        assert json.loads((run / "run.json").read_text())["state"] == "finished"


CLOSED = """
    import contextlib, ctypes, io, json, logging, os, sys
    if os.geteuid() == 0:
        # Without these capabilities root is held to the permissions of files like anybody else.
        header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.capget(header, sets) == 0
        sets[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert libc.capset(header, sets) == 0, os.strerror(ctypes.get_errno())
    from segcore.cli import grammar as cli
    logging.getLogger().addHandler(logging.NullHandler())
    results = []
    for arguments in json.loads(sys.argv[1]):
        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
            code = cli.main(arguments)
        results.append([code, err.getvalue()])
    print(json.dumps(results))
"""


@pytest.mark.slow
def test_folders_without_permission(world, tmp_path, run_python):
    place = tmp_path / "closed"
    for name in ("data", "models"):
        shutil.copytree(world / name, place / name)
    for name, copy in (("images.tif", "images.tif"), ("images.tif", "secret.tif")):
        shutil.copy(world / name, place / copy)
    (place / "cellar").mkdir()
    out, cellar, secret = place / "out", place / "cellar", place / "secret.tif"
    cases = [
        (["import", place / "images.tif", "--name", "new"], place / "data"),
        (["import", secret, "--name", "new"], secret),
        (["import", cellar, "--name", "new"], cellar),
        (["import", cellar / "x.tif", "--name", "new"], cellar / "x.tif"),
        (["import", place / "images.tif", "--name", "new", "--labels", secret], secret),
        (["export", "tiny", out], out),
        (["export", "tiny", cellar / "out"], cellar / "out"),
        (["augment", "tiny", "--count", "9", "--out", out], out),
        (["augment", "tiny", "--count", "9", "--out", cellar / "out"], cellar / "out"),
        (["train", "tiny", "--name", "new", "--set", *SETTINGS], place / "models/new"),
        (["evaluate", "first"], place / "models/first/evaluation"),
        (["predict", "first", place / "images.tif", out], out),
        (["predict", "first", secret, out], secret),
    ]
    before = tree(place)
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    try:
        for path in folders:
            path.chmod(0 if path == cellar else 0o555)
        secret.chmod(0)
        found = run_python(
            CLOSED, json.dumps([list(map(str, arguments)) for arguments, _ in cases]),
            OMP_NUM_THREADS="1", SEGCORE_DATA_DIR=str(place / "data"), SEGCORE_MODELS_DIR=str(place / "models"),
        )  # fmt: skip
    finally:
        for path in folders:
            path.chmod(0o755)
        secret.chmod(0o644)
    assert "Traceback" not in found.stderr, found.stderr
    for (_, path), (code, err) in zip(cases, json.loads(found.stdout), strict=True):
        assert_refused(Result(code, "", err), path)
    assert tree(place) == before
