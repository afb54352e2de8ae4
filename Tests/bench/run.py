"""The measurements of `make bench`.

The ten hosts, the hundreds and the record first, with no cluster on the machine that has no part in them, in a network
namespace of their own: `unshare --net python3 run.py --part many --part fan-out --part record --keep FILE`. Then the rest
on the lab's operator host, and the page: `lab run python3 Tests/bench/run.py --kept FILE`.

Ends with 1 when a target is missed, after the page is written; with 2 when a result was wrong, and nothing is written.
"""

import argparse
import contextlib
import fcntl
import json
import os
import sys
import tempfile
from pathlib import Path

import fan_out
import idle_run
import machine
import many_hosts
import record
import report
import resumed
import targets
from reads import Reads
from ssh import Access
from timing import Way, Wrong, say

LAB = Path(__file__).resolve().parents[1] / "lab/lab"
LAB_STATE = Path("/var/lib/keybuzz-lab")


def options():
    parser = argparse.ArgumentParser(description="Measures, writes docs/performance.md, compares with the targets.")
    parser.add_argument("--rounds", type=int, default=7, help="how often each way is measured (default: 7)")
    parser.add_argument("--ansible-rounds", type=int, default=3, help="and Ansible, which takes most of a minute (default: 3)")
    parser.add_argument("--fan-out-rounds", type=int, default=3, help="and the hundreds of hosts (default: 3)")
    parser.add_argument("--part", action="append", choices=["reads", "many", "fan-out", "idle", "record", "windows"],
                        help="only this part; the page is then not written")
    parser.add_argument("--keep", type=Path, help="write the figures of these parts to this file")
    parser.add_argument("--kept", type=Path, help="take the figures of the hosts and the record from this file")
    return parser.parse_args()


def keep(file, busy, ways, fan, written):
    file.write_text(json.dumps({
        "busy": busy, "fanOut": fan, "record": written,
        "ways": [{"name": way.name, "includes": way.includes, "seconds": way.seconds} for way in ways or []]}))


def kept(file):
    figures = json.loads(file.read_text())
    return figures["busy"], [Way(work=None, **way) for way in figures["ways"]], figures["fanOut"], figures["record"]


@contextlib.contextmanager
def whole_lab():
    """Nobody resets the cluster or cuts a cable meanwhile."""
    if "RUNNER_INVENTORY" not in os.environ:
        sys.exit("run this with `make bench`: it must be on the lab's operator host (lab run)")
    with open(LAB_STATE / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def measure(options, parts, folder):
    reads = many = idle = doctor = fan = written = None
    if "idle" in parts:
        say("a run with nothing to do")
        idle = idle_run.measure_run(options.rounds)
        idle["resumed"] = resumed.measure(folder, options.rounds, LAB)
        doctor = idle_run.measure_doctor(options.rounds)
    if "reads" in parts:
        say("20 kubectl reads on one master")
        access = Access(LAB_STATE / "ssh/id_ed25519", LAB_STATE / "ssh/known_hosts")
        reads = Reads(access, folder, LAB).measure(options.rounds)
    if "many" in parts:
        say("10 hosts, 20 commands each")
        many = many_hosts.measure(folder, options.rounds, options.ansible_rounds)
    if "fan-out" in parts:
        say("hundreds of hosts, one command each")
        fan = fan_out.measure(folder, options.fan_out_rounds)
    if "record" in parts:
        say("the record")
        written = record.measure(folder, options.rounds)
    if "windows" in parts:
        fan_out.measure_windows(folder, options.fan_out_rounds)
    return reads, many, idle, doctor, fan, written


def main():
    chosen = options()
    parts = chosen.part or ["idle", "reads"] + ([] if chosen.kept else ["many", "fan-out", "record"])
    with contextlib.ExitStack() as stack:
        if {"idle", "reads"} & set(parts):
            stack.enter_context(whole_lab())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        busy = machine.busy_share()
        try:
            reads, many, idle, doctor, fan, written = measure(chosen, parts, Path(folder))
        except Wrong as error:
            say(f"bench: {error}")
            return 2
    if chosen.keep:
        keep(chosen.keep, busy, many, fan, written)
        return 0
    if chosen.kept:
        busy_then, many, fan, written = kept(chosen.kept)
        busy = max(busy, busy_then)
    figures = reads, many, idle, doctor, fan, written
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
