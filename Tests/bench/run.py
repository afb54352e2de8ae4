"""The measurements of `make bench`, on the lab's operator host: `lab run python3 Tests/bench/run.py`.

Ends with 1 when a target is missed, after the page is written; with 2 when a result was wrong, and nothing is written.
"""

import argparse
import fcntl
import os
import sys
import tempfile
from pathlib import Path

import idle_run
import machine
import many_hosts
import report
import targets
from reads import Reads
from ssh import Access
from timing import Wrong, say

LAB = Path(__file__).resolve().parents[1] / "lab/lab"
LAB_STATE = Path("/var/lib/keybuzz-lab")


def options():
    parser = argparse.ArgumentParser(description="Measures, writes docs/performance.md, compares with the targets.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each way is measured (default: 7)")
    parser.add_argument("--ansible-rounds", type=int, default=3, help="and Ansible, which takes most of a minute (default: 3)")
    parser.add_argument("--part", action="append", choices=["reads", "many", "idle"],
                        help="only this part; the page is then not written")
    return parser.parse_args()


def measure(options, folder):
    parts = options.part or ["idle", "reads", "many"]
    reads = many = idle = doctor = None
    if "idle" in parts:
        say("a run with nothing to do")
        idle = idle_run.measure_run(options.rounds)
        doctor = idle_run.measure_doctor(options.rounds)
    if "reads" in parts:
        say("20 kubectl reads on one master")
        access = Access(LAB_STATE / "ssh/id_ed25519", LAB_STATE / "ssh/known_hosts")
        reads = Reads(access, folder, LAB).measure(options.rounds)
    if "many" in parts:
        say("10 hosts, 20 commands each")
        many = many_hosts.measure(folder, options.rounds, options.ansible_rounds)
    return reads, many, idle, doctor


def main():
    chosen = options()
    if "RUNNER_INVENTORY" not in os.environ:
        sys.exit("run this with `make bench`: it must be on the lab's operator host (lab run)")
    # Nobody resets the cluster or cuts a cable meanwhile.
    with open(LAB_STATE / "lock", "a") as lock, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        busy = machine.busy_share()
        try:
            figures = measure(chosen, Path(folder))
        except Wrong as error:
            say(f"bench: {error}")
            return 2
    judged = targets.judge(*figures)
    text = report.figures(machine.facts(), busy, judged, *figures)
    say("\n" + text)
    if not chosen.part:
        report.write(text)
        say(f"\nwritten to {report.PAGE}")
    missed = [target for target in judged if not target.is_met]
    for target in missed:
        say(f"missed: {target.what}: {target.figure}")
    return 1 if missed else 0


sys.exit(main())
