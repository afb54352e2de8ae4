"""`runner run 11` with nothing to do, and `runner doctor 11`."""

import json
import os
from pathlib import Path
from statistics import median

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
            "statements": max(statements)}


def has_doctor():
    listing = run([RUNNER, "--help"]).require_success().output
    return any(line.split()[:1] == ["doctor"] for line in listing.splitlines())


def measure_doctor(rounds):
    """Seconds of `runner doctor 11` on a platform where all is well; nothing where there is no such command."""
    if not has_doctor():
        return None
    return [run([RUNNER, "doctor", "11"]).require_success().seconds for _ in range(rounds + 1)][1:]
