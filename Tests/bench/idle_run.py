"""`runner run 11` with nothing to do, and `runner doctor 11`."""

import json
import os
import tempfile
from pathlib import Path
from statistics import median

from peers import CACHE
from record import seconds_of_a_record
from timing import Wrong, run, say

RUNNER = Path(__file__).resolve().parents[2] / ".build/release/runner"


def hosts():
    inventory = json.loads(Path(os.environ["RUNNER_INVENTORY"]).read_text())
    return {host["name"] for host in inventory["hosts"]}


def idle_run():
    """One run that must find everything in place: its seconds, peak MiB, remote commands, statements."""
    done = run([RUNNER, "run", "11"]).require_success()
    status = json.loads(run([RUNNER, "status", "--format", "json"]).require_success().output)
    states = {step["state"] for step in status["steps"]}
    if states != {"in place"}:
        raise Wrong(f"`runner run 11` was to find everything in place, but its steps are {sorted(states)}")
    log = json.loads(run([RUNNER, "logs", "--format", "json"]).require_success().output)
    remote = [record for record in log if record["host"] in hosts()]
    return done.seconds, done.peak_mib, len(remote), len(log) - len(remote)


def measure_run(rounds):
    say("  bringing everything in place")
    run([RUNNER, "run", "11"]).require_success()
    idle_run()
    seconds, peak, commands, statements = zip(*(idle_run() for _ in range(rounds)))
    return {"seconds": median(seconds), "spread": seconds, "peak": median(peak), "commands": max(commands),
            "statements": max(statements), "record": measure_record(rounds)}


def measure_record(rounds):
    """Which part of a run with nothing to do its record takes, and how many times it waits for the disk.

    That is the time in fsync and fdatasync, and for each record what it takes to compose, chain and write one.
    """
    say("  the record's share of it")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        _, each = seconds_of_a_record(Path(folder) / "state")
        totals = Path(folder) / "totals"
        shares, counts = [], []
        for _ in range(rounds):
            totals.write_bytes(bytes(16))
            done = run([RUNNER, "run", "11"], environment=os.environ | {
                "LD_PRELOAD": str(CACHE / "time_syncs.so"), "TIME_SYNCS": str(totals)}).require_success()
            written = totals.read_bytes()
            waited, count = (int.from_bytes(written[at:at + 8], "little") for at in (0, 8))
            if count == 0:
                raise Wrong("a run that never waited for the disk was not measured")
            records = run([RUNNER, "audit", "show", "--format", "json"]).require_success().output
            shares.append((waited / 1e9 + each * len(json.loads(records))) / done.seconds)
            counts.append(count)
    return {"share": median(shares), "spread": shares, "syncs": max(counts)}


def has_doctor():
    listing = run([RUNNER, "--help"]).require_success().output
    return any(line.split()[:1] == ["doctor"] for line in listing.splitlines())


def measure_doctor(rounds):
    """Seconds of `runner doctor 11` on a platform where all is well; nothing where there is no such command."""
    if not has_doctor():
        return None
    return [run([RUNNER, "doctor", "11"]).require_success().seconds for _ in range(rounds + 1)][1:]
