"""The audit record: writing, verifying, many runs beside each other, and how soon a run has its first record.

Needs neither the lab nor any address but 127.0.0.1. The records are written by the runner's own Journal (`RecordBench`).
"""

import json
import os
import socket
import time
from datetime import datetime
from pathlib import Path
from statistics import median

from peers import CACHE
from timing import Wrong, run, say

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / ".build/release"
RUNNER, AUTHOR = RELEASE / "runner", RELEASE / "RecordBench"
LOG_BYTES = 10**9
RECORDS = 2000
MANY = [1000, 10_000]


def measure(folder, rounds):
    on_disk, written_only = seconds_of_a_record(folder / "durable")
    figures = {"records": RECORDS, "durable": on_disk, "written": written_only, "log": large_log(folder / "log", rounds)}
    states = {count: folder / f"runs-{count}" for count in MANY}
    for count, state in states.items():
        write(state, "runs", count, syncs=False)
    figures["runs"] = many_runs(states, rounds)
    most = max(states)
    figures["status"] = [run([RUNNER, "status", "--state-dir", states[most]]).require_success().seconds
                         for _ in range(rounds)]
    figures["start"] = starts(folder, {0: folder / "started", most: states[most]}, rounds)
    return figures


def many_runs(states, rounds):
    """What verifying them takes, in turns: a few runs that were measured in a quiet minute tell nothing of many in another."""
    # Nor must what was written without being forced to the disk be written out while it is read.
    os.sync()
    taken = {count: [] for count in states}
    for number in range(rounds + 1):
        for count, state in states.items():
            say(f"  verifying {count} runs")
            done = verify(state)
            # The first round finds other directories in the system's memory than the ones after it.
            if number:
                taken[count].append(done)
    return {str(count): {"seconds": [done.seconds for done in all_of], "cpu": [done.cpu_seconds for done in all_of],
                         "peak": max(done.peak_mib for done in all_of)} for count, all_of in taken.items()}


def write(state, what, number, *, syncs=True):
    environment = dict(os.environ) if syncs else os.environ | {"LD_PRELOAD": str(CACHE / "no_sync.so")}
    say(f"  writing: {what} {number}")
    return run([AUTHOR, what, state, number], environment=environment, limit=1800).require_success()


def seconds_of_a_record(state):
    """The medians of the seconds that a record takes until it is on the disk, and until it is written."""
    seconds = json.loads(write(state, "records", RECORDS).output)
    return median(seconds["durable"]), median(seconds["written"])


def large_log(state, rounds):
    write(state, "log", LOG_BYTES, syncs=False)
    size = sum(file.stat().st_size for file in state.glob("runs/*/audit.jsonl"))
    if size < LOG_BYTES:
        raise Wrong(f"the log has {size} bytes only")
    say("  verifying it")
    verified = [verify(state) for _ in range(min(rounds, 3))]
    return {"bytes": size, "seconds": [done.seconds for done in verified],
            "peak": max(done.peak_mib for done in verified)}


def verify(state):
    """A verification that finds nothing wrong."""
    done = run([RUNNER, "audit", "verify", "--state-dir", state]).require_success()
    if "intact" not in done.output:
        raise Wrong(f"`audit verify` said nothing of an intact record: {done.output[-500:]}")
    return done


def starts(folder, states, rounds):
    """Seconds from the start of `runner run` to the time of its first record, by the number of runs beside it, in turns."""
    inventory = platform(folder)
    seconds = {str(beside): [] for beside in states}
    for number in range(rounds + 1):
        for beside, state in states.items():
            say(f"  starting a run, {beside} beside it")
            # Without any others each run has a state directory of its own.
            taken = start(inventory, state if beside else state.with_name(f"{state.name}-{number}"))
            if number:
                seconds[str(beside)].append(taken)
    return seconds


def start(inventory, state):
    """Seconds from the start of `runner run` to the time of its first record; the masters refuse the connection."""
    began = time.time()
    done = run([RUNNER, "run", "11", "--new", "--inventory", inventory, "--state-dir", state])
    if done.status != 69:
        raise Wrong(f"a run whose masters refuse the connection ended with status {done.status}: {done.errors[-500:]}")
    newest = max((state / "runs").iterdir())
    with open(newest / "audit.jsonl") as log:
        first = datetime.fromisoformat(json.loads(log.readline())["time"]).timestamp()
    if not began <= first + 0.001 <= began + done.seconds + 0.001:
        raise Wrong(f"the first record of {newest.name} is of another time")
    return first - began


def platform(folder):
    """The inventory of hosts at a port that nobody listens on, with a key and credentials that are never used."""
    inventory = folder / "inventory.json"
    if inventory.exists():
        return inventory
    with socket.create_server(("127.0.0.1", 0)) as unserved:
        port = unserved.getsockname()[1]
    key = folder / "id"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).require_success()
    for name, text in {
            "postgres.env": "POSTGRES_SUPERUSER=kb_admin\nPOSTGRES_SUPERPASS=Kq8-vT3-mWz\n",
            "redis.env": "REDIS_PASSWORD=Rd7-xN2-tQp\n",
            "ghcr.env": "GHCR_USERNAME=robot\nGHCR_TOKEN=ghp_0123456789abcdef\n"}.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    content = json.loads((ROOT / "inventory.json").read_text())
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    known = folder / "known_hosts"
    addresses = [f"127.0.0.{number + 2}" for number in range(len(content["hosts"]))]
    known.write_text("".join(f"[{address}]:{port} {public}\n" for address in addresses))
    del content["$schema"], content["objectStorage"]
    content |= {
        "ssh": {"user": "root", "key": str(key), "knownHosts": [str(known)]},
        "hosts": [host | {"address": address, "port": port} for host, address in zip(content["hosts"], addresses)],
        "postgres": {"hosts": ["127.0.0.1"]}, "redis": {"host": "127.0.0.1"},
        "credentials": {"directory": str(folder)}, "limits": {"connect": 5},
    }
    inventory.write_text(json.dumps(content))
    return inventory
