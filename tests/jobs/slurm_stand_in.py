"""A scheduler of one machine with the commands of SLURM that submitit calls: sbatch, srun, sacct, scancel.

Called under one of these names. It runs one job at a time; what it knows lies in the folder SLURM_STAND_IN:

    <number>.state   PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, or what a test writes there
    <number>.pid     leader of the session it runs in
    refuse           if there: what sbatch says instead of taking a job
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["SLURM_STAND_IN"])


def state_of(number):
    return FOLDER / f"{number}.state"


def sbatch(script):
    if (FOLDER / "refuse").exists():
        sys.exit("sbatch: error: " + (FOLDER / "refuse").read_text())
    number = 1000 + len(list(FOLDER.glob("*.state")))
    state_of(number).write_text("PENDING")
    (FOLDER / f"{number}.sh").write_text(Path(script).read_text())
    subprocess.Popen(
        [sys.executable, __file__, "wait-and-run", str(number)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    print(f"Submitted batch job {number}")


def wait_and_run(number):
    while any(path.read_text() == "RUNNING" for path in FOLDER.glob("*.state") if path != state_of(number)):
        time.sleep(0.1)
    if state_of(number).read_text() != "PENDING":
        return
    state_of(number).write_text("RUNNING")
    allocation = {"JOB_ID": number, "NTASKS": "1", "JOB_NUM_NODES": "1", "JOB_NAME": "segcore", "PROCID": "0"}
    (FOLDER / f"{number}.pid").write_text(str(os.getpid()))
    done = subprocess.run(
        ["bash", str(FOLDER / f"{number}.sh")],
        env=os.environ | {f"SLURM_{name}": value for name, value in allocation.items()}, check=False,
    )  # fmt: skip
    if state_of(number).read_text() == "RUNNING":
        state_of(number).write_text("FAILED" if done.returncode else "COMPLETED")


def srun(*arguments):
    """`--unbuffered --output OUT --error ERR COMMAND ...`"""
    number = os.environ["SLURM_JOB_ID"]
    out, err = (Path(arguments[at].replace("%j", number).replace("%t", "0")) for at in (2, 4))
    with out.open("a") as stdout, err.open("a") as stderr:
        sys.exit(subprocess.run(arguments[5:], stdout=stdout, stderr=stderr, check=False).returncode)


def sacct(*arguments):
    print("JobID|State|NodeList")
    for number in (word for word in arguments if word.isdigit()):
        print(f"{number}|{state_of(number).read_text()}|here")


def scancel(number):
    state_of(number).write_text("CANCELLED by 0")
    if (FOLDER / f"{number}.pid").exists():
        os.killpg(int((FOLDER / f"{number}.pid").read_text()), signal.SIGTERM)


if __name__ == "__main__":
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    if arguments[:1] == ["wait-and-run"]:
        wait_and_run(arguments[1])
    else:
        {"sbatch": sbatch, "srun": srun, "sacct": sacct, "scancel": scancel}[name](*arguments)
