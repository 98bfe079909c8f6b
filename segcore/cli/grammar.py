"""`python -m segcore COMMAND`: what can be asked for, and how mistakes are told.

Nothing heavy is imported here, so that help answers at once; `commands` does the work.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from segcore.errors import SegcoreError, StorageError

_PROGRAM = "segcore" if Path(sys.argv[0]).stem == "segcore" else "python -m segcore"


class _Parser(argparse.ArgumentParser):
    """Tells a wrong option in one line, like every other mistake."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"segcore: {' '.join(message.split())}; see: {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = _Parser(
        prog=_PROGRAM,
        description="Segments electron-microscopy slices into cell interior and membrane, and says how well.",
        epilog="Data lie in SEGCORE_DATA_DIR (data), runs in SEGCORE_MODELS_DIR (models).",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, summary: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {_PROGRAM} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        return sub

    _app(command("app", "open the dashboard in a browser", "app --port 8600"))
    _json(command("datasets", "list the datasets that are there and those that can be fetched", "datasets --json"))

    sub = command("fetch", "download or make a dataset", "fetch isbi2012 --from ~/Downloads/isbi")
    sub.add_argument("dataset", help="isbi2012, or sample (made here, no network needed)")
    sub.add_argument(
        "--from", dest="source", metavar="URL_OR_DIR", type=_given, help="a mirror, or a local folder or zip"
    )

    _import(
        command(
            "import",
            "make a dataset of your own images",
            "import stack.tif --name mine --labels masks.tif --voxel-size-nm 50 4 4",
        )
    )

    sub = command("export", "write a dataset as numbered images or OME-Zarr", "export isbi2012 out --format png")
    sub.add_argument("dataset")
    sub.add_argument("directory", type=_path, help="new folder")
    sub.add_argument("--format", default="png", help="png, tiff or ome-zarr (default: png)")

    sub = command("split", "show which slices go where, and the leak audit", "split isbi2012 --protocol kfold")
    sub.add_argument("dataset")
    sub.add_argument("--protocol", help="blocks, kfold, bands or notebook (default: blocks)")
    _settings(sub)
    _json(sub)

    sub = command(
        "augment", "write augmented pairs as matrices", "augment isbi2012 --count 800 --seed 0 --out augmented"
    )
    sub.add_argument("dataset")
    sub.add_argument("--count", type=int, default=800, help="pairs, originals included (default: 800)")
    sub.add_argument("--seed", type=int, default=0, help="default: 0")
    sub.add_argument("--out", type=_path, required=True, help="new folder")
    sub.add_argument("--preset", default="standard", help="whose augmentation: quick, standard or notebook")
    _settings(sub)

    sub = command(
        "train",
        "train a run and evaluate it on its test slices",
        "train isbi2012 --preset quick --name first --set train.epochs=5",
    )
    sub.add_argument("dataset", nargs="?", help="name of a labelled dataset (not needed with --resume)")
    sub.add_argument("--preset", default="standard", help="quick, standard or notebook (default: standard)")
    sub.add_argument("--name", help="name of the run (default: dataset, preset and a number)")
    sub.add_argument("--resume", metavar="RUN", help="go on with an interrupted or failed run")
    sub.add_argument("--from", dest="started_from", metavar="RUN", type=_given, help="begin with another run's weights")
    sub.add_argument("--devices", type=int, default=1, help="processes, one a device, on this machine (default: 1)")
    sub.add_argument("--nodes", type=int, default=1, help="machines (default: 1)")
    _device(sub)
    _settings(sub)
    _json(sub)

    _crossval(
        command(
            "crossval",
            "train a run for each fold, and judge every slice by networks that never saw it",
            "crossval isbi2012 --preset standard --folds 3",
        )
    )

    sub = command(
        "evaluate", "measure a run on slices with labels", "evaluate isbi2012-standard --threshold topology --json"
    )
    sub.add_argument("run")
    sub.add_argument("--dataset", help="another labelled dataset (default: the run's own)")
    sub.add_argument(
        "--slices", help="test, validation, train or all (default: test on the run's own dataset, all on others)"
    )
    sub.add_argument("--threshold", default="pixel", help="pixel, topology, or a number from 0 to 1 (default: pixel)")
    _device(sub)
    _json(sub)

    _score(
        command(
            "score",
            "measure what another program predicted, and keep it as a run",
            "score nnunet prediction.h5 --dataset isbi2012 --trained-on 0-19",
        )
    )

    _compare(
        command(
            "compare", "compare two runs slice by slice, with intervals", "compare old new --fail-if-worse v_rand=0.005"
        )
    )

    _report(
        command(
            "report",
            "write an evaluation as one HTML file for others, and its tables as a zip",
            "report isbi2012-standard --compare nnunet --out report.html",
        )
    )

    _predict(command("predict", "apply a run to any image, stack or folder", "predict isbi2012-standard stack.tif out"))

    _export_model(
        command(
            "export-model",
            "write a run as a model package of bioimage.io",
            "export-model isbi2012-standard --author 'A. Name'",
        )
    )

    _json(command("settings", "list every setting with its default and range, or their JSON schema", "settings"))

    _json(command("runs", "list the runs", "runs"))

    _jobs(
        command(
            "jobs",
            "start, watch and stop trainings and evaluations that go on by themselves",
            "jobs start sample --preset quick",
        )
    )
    return top


def _score(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", type=_given, help="of the new run")
    sub.add_argument("file", type=_path, help="probabilities, masks or numbered segments, a page a slice")
    sub.add_argument("--dataset", type=_given, required=True, help="the labelled dataset whose slices they are of")
    sub.add_argument("--kind", default="auto", help="probability, mask or segments (default: recognised)")
    sub.add_argument(
        "--polarity", default="auto", help="interior-white or membrane-white (default: recognised by the labels)"
    )
    sub.add_argument("--slices", metavar="LIST", help="which slices the pages are of, such as 0-9,12 (default: all)")
    sub.add_argument(
        "--trained-on", metavar="LIST", help="slices the method was trained on, or none; they are not measured "
        "(default: nobody knows)",
    )  # fmt: skip
    sub.add_argument(
        "--channel", type=int, metavar="N", help="which channel of the file, from 0, where it has one for each class "
        "(default: the only one, or the second of two)",
    )  # fmt: skip
    _axes(sub)
    _json(sub)


def _compare(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("first", help="the run that the other is compared with")
    sub.add_argument("second")
    sub.add_argument("--dataset", type=_given, help="what both were measured on (default: where most slices fit)")
    sub.add_argument(
        "--fail-if-worse",
        nargs="+",
        action="extend",
        default=[],
        metavar="MEASURE=TOLERANCE",
        help="exit with 1 if the second is worse in a measure by more than this, such as v_rand=0.005",
    )
    _json(sub)


def _report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run")
    sub.add_argument("--dataset", type=_given, help="what it was evaluated on (default: its own)")
    sub.add_argument("--slices", type=_given, help="test, validation, train or all (default: test, if there are any)")
    sub.add_argument("--compare", metavar="RUN", type=_given, help="another run on the same slices")
    sub.add_argument(
        "--conclusion",
        type=_path,
        metavar="FILE",
        help="text in place of the conclusion that is drafted",
    )
    sub.add_argument("--out", type=_path, required=True, metavar="FILE.html", help="the page; its tables lie beside it")


def _predict(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run")
    sub.add_argument("input", type=_path, help="image, stack, folder of images or volume")
    sub.add_argument("output", type=_path, help="new folder for probability and mask")
    sub.add_argument("--format", default="tiff", help="tiff, png, ome-zarr, or challenge: float32 too (default: tiff)")
    sub.add_argument("--threshold", default="pixel", help="pixel, topology, or a number from 0 to 1 (default: pixel)")
    _axes(sub)
    _device(sub)


def _export_model(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("run")
    sub.add_argument("file", type=_path, nargs="?", help="new zip file (default: RUN.bioimageio.zip)")
    sub.add_argument("--author", type=_given, default="not named", help="who made the model (default: not named)")
    sub.add_argument(
        "--license",
        type=_given,
        default="CC-BY-4.0",
        help="under which others may use it, by SPDX (default: CC-BY-4.0)",
    )


def _crossval(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("dataset", help="name of a labelled dataset")
    sub.add_argument("--preset", default="standard", help="quick, standard or notebook (default: standard)")
    sub.add_argument("--folds", type=int, default=3, help="contiguous parts, each held out once (default: 3)")
    sub.add_argument("--seeds", type=int, default=1, help="runs of each fold, which are averaged (default: 1)")
    sub.add_argument("--name", help="what the runs' names begin with (default: dataset and preset)")
    sub.add_argument("--against", metavar="NAME", help="another cross-validation of the same slices to compare with")
    sub.add_argument("--devices", type=int, default=1, help="processes for each run, one a device (default: 1)")
    _job_device(sub)
    _settings(sub)
    _json(sub)


def _app(app: argparse.ArgumentParser) -> None:
    app.add_argument("--port", type=_port, help="where it answers (default: 8501, or the next that is free)")
    app.add_argument("--address", type=_given, help="0.0.0.0 lets others on the network see it (default: 127.0.0.1)")


def _jobs(jobs: argparse.ArgumentParser) -> None:
    """What can be done with jobs; `jobs` alone lists them."""
    _json(jobs)
    actions = jobs.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)

    def action(name: str, summary: str, example: str = "") -> argparse.ArgumentParser:
        if not example:
            return actions.add_parser(name)  # what jobs call themselves
        return actions.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example:\n  {_PROGRAM} jobs {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    sub = action("list", "list the jobs: those that run, those that wait, and the others", "list --json")
    # Not to undo `jobs --json list`.
    sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON value")

    sub = action("start", "put a training at the end of the queue", "start isbi2012 --preset quick --name first")
    sub.add_argument("dataset", type=_given, help="name of a labelled dataset")
    sub.add_argument("--preset", default="standard", help="quick, standard or notebook (default: standard)")
    sub.add_argument("--name", type=_given, help="name of the run (default: dataset, preset and a number)")
    sub.add_argument("--from", dest="started_from", metavar="RUN", type=_given, help="begin with another run's weights")
    sub.add_argument("--devices", type=int, default=1, help="processes, one a device (default: 1)")
    _job_device(sub)
    _settings(sub)

    sub = action("stop", "stop a job; its best weights so far are evaluated, and it can be resumed", "stop 3")
    sub.add_argument("job", type=_given, help="number of the job, or name of its run")
    sub = action("resume", "go on with an interrupted, stopped or failed run", "resume first")
    sub.add_argument("run", type=_given)
    sub.add_argument("--devices", type=int, default=1, help="processes, one a device (default: 1)")
    _job_device(sub)
    sub = action("evaluate", "measure a run on a labelled dataset", "evaluate first --dataset other")
    sub.add_argument("run", type=_given)
    sub.add_argument("--dataset", type=_given, help="another labelled dataset (default: the run's own)")
    _job_device(sub)
    sub = action("log", "print the log of a job", "log 3 --follow")
    sub.add_argument("job", type=_given, help="number of the job, or name of its run")
    sub.add_argument("--follow", action="store_true", help="until the job has ended")
    sub = action("up", "let a job that waits change places with the one before it", "up 4")
    sub.add_argument("job", type=_given, help="number of the job, or name of its run")
    sub = action("remove", "forget a job that waits or is over; its run stays", "remove 4")
    sub.add_argument("job", type=_given, help="number of the job, or name of its run")
    sub = action(
        "measure", "take a few steps of a training, and say how long all of it takes", "measure sample --preset quick"
    )
    sub.add_argument("dataset", type=_given, help="name of a labelled dataset")
    sub.add_argument("--preset", default="standard", help="quick, standard or notebook (default: standard)")
    _device(sub)
    _settings(sub)
    action("work", "").add_argument("lane")
    for name in ("run", "conclude"):
        action(name, "").add_argument("number", type=int)


def _given(text: str) -> str:
    """Refuses an empty argument, which an unset variable of a shell leaves behind."""
    if not text.strip():
        raise argparse.ArgumentTypeError("nothing was given")
    return text


def _path(text: str) -> Path:
    # An empty path would mean the working directory.
    return Path(_given(text))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; expected 1 to 65535")
    return int(text)


def _json(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--json", action="store_true", help="print one JSON value")


def _device(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")


def _job_device(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda, or slurm for the cluster of models/slurm.toml (default: auto)",
    )


def _import(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("source", type=_path, help="folder with train/ label/ test/, TIFF stack, image folder, or zip")
    sub.add_argument("--name", required=True, help="name of the dataset")
    sub.add_argument("--labels", type=_path, help="TIFF stack or folder of masks")
    sub.add_argument(
        "--polarity",
        default="auto",
        help="which mask value is membrane: auto, interior-white or membrane-white (default: auto)",
    )
    sub.add_argument("--voxel-size-nm", type=float, nargs=3, metavar=("Z", "Y", "X"), help="size of a voxel, nm")
    _axes(sub)
    sub.add_argument(
        "--threshold-labels", type=float, metavar="VALUE", help="masks that are nearly binary: VALUE and more is white"
    )
    sub.add_argument(
        "--labels-are",
        default="auto",
        help="membrane-mask (two values), instances (every neurite has its own number) or classes (default: auto)",
    )
    sub.add_argument(
        "--membrane-px", type=int, default=2, help="instances: width of the membrane drawn between two (default: 2)"
    )
    sub.add_argument("--membrane-values", type=_number, nargs="+", metavar="V", help="classes: these are membrane")
    sub.add_argument("--interior-values", type=_number, nargs="+", metavar="V", help="classes: these are interior")
    sub.add_argument(
        "--ignore-values",
        type=_number,
        nargs="+",
        metavar="V",
        help="these are neither: not learned from, and in no figure (of instances, 0 may be one)",
    )
    sub.add_argument(
        "--unlabelled-slices",
        default="ask",
        metavar="CHOICE",
        help="slices that hold one class only, as if nobody had labelled them: ignore them, or keep them",
    )


def _number(text: str) -> float:
    """A value of a label: whole numbers as they are, as large ones are others as floats."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _axes(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--axes",
        default="zyx",
        metavar="ORDER",
        help="what the axes of the images are, in the order of the file, such as yxz (default: zyx, slices first)",
    )


def _settings(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--set",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change settings, such as train.epochs=5 augment.rotation_deg=25",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0; 1 if a comparison went as it must not; 2 after a user's mistake, told in one line; 130 after Ctrl-C.
    """
    options: Any = parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names may hold bytes that are no text, and not every terminal takes every letter.
        sys.stdout.reconfigure(errors="backslashreplace")
    status = 0
    try:
        if threading.current_thread() is threading.main_thread():
            # A job that is asked to end leaves as tidily as one that is interrupted by hand.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        if options.command == "jobs":
            from segcore.cli.jobs import jobs

            jobs(options)
        elif options.command == "crossval":
            from segcore.cli.crossval import crossval

            crossval(options)
        elif options.command == "compare":
            from segcore.cli.compare import compare_runs

            status = compare_runs(options)
        elif options.command == "app":
            from segcore.cli.app import open_app

            open_app(options)
        else:
            from segcore.cli.commands import COMMANDS

            COMMANDS[options.command](options)
        print(end="", flush=True)
    except SegcoreError as error:
        return _refused(error)
    except KeyboardInterrupt:
        print("segcore: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        return _refused(
            StorageError(
                f"the system refused ({error.strerror or error})",
                path=error.filename,
                expected="a path that can be used, and a disk with free space",
            )
        )
    except MemoryError:
        return _refused(SegcoreError("there is not enough memory", expected="smaller slices or fewer of them"))
    return status


def _refused(error: SegcoreError) -> int:
    print(f"segcore: {error}", file=sys.stderr)
    return 2


def _drop_output() -> None:
    """Sends output that cannot be written nowhere; Python would complain once more while it exits."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
