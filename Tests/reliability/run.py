#!/usr/bin/env python3
"""Runs the tests that break things, and writes docs/reliability.md from the rows that they print.

Part of `make torture`. Ends with 1 where a test fails; the page then says which.
"""

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
# The suites, each with the environment that makes it thorough.
SUITES = [
    ("^JournalTests\\.CrashTests", {}),
    ("^JournalTests\\.BitFlipTests", {}),
    ("^RunnerTests\\.StillbornRunTests", {"RUNNER_TORTURE": "1"}),
    ("^RunnerTests\\.ConcurrentRunsTests", {}),
    ("^RunnerTests\\.SignalTests", {}),
    ("^SSHTests\\.FaultyPathTests", {}),
    ("^PostgresTests\\.PostgresServerTests/FaultyPathTests", {}),
    ("^RedisTests\\.FaultyPathTests", {}),
    ("^EngineTests\\.SimulationTests", {}),
    ("^EngineTests\\.FailpointTests", {"RUNNER_TORTURE": "1"}),
]
# As `survived` in Tests/Support prints it.
ROW = re.compile(r"^survived\|([^|]+)\|(\d+)\|([^|]+)\|(\d*)$", re.M)

INTRODUCTION = """\
# Reliability

What is broken on purpose, and what a run makes of it. `make torture` writes this page from what its tests print; nothing in the table
is counted by hand, and a suite that fails is named below it. Each row's command repeats it. `make test` has a part of it: each failpoint the first time that it is reached.

"""

REST = """
A fault is survived if the statement beside it holds after each: `runner resume` ends as an undisturbed run does, no finished step is
done again, and `audit verify` finds the record intact. Damage to a file is survived if it is found and its place is named.

The hosts of these tests are files, are simulated, or accept connections and say nothing; those of the paths that break are a real sshd,
PostgreSQL and Redis behind a proxy. The simulated disk keeps of a file what was there at its last fsync, and of a folder the names at its
own. On the rehearsal cluster, `make test` kills a
run inside each step and at random moments, and `make rehearse` stops one for longer than its Lease lasts, kills resets of the database,
and takes masters and PostgreSQL hosts away; those tests count nothing for this page. Not tried yet: a power cut of a real machine, and a
wall clock that is moved.
"""


def run(pattern, more):
    """Whether the suite passed, and its rows: fault, how many, oracle, seed."""
    command = ["swift", "test", "--skip-build", "--filter", pattern, *sys.argv[1:]]
    process = subprocess.run(
        command, cwd=ROOT, env=os.environ | more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rows = ROW.findall(process.stdout)
    if process.returncode or not rows:
        print(process.stdout)
    return process.returncode == 0 and bool(rows), rows


def words_of(pattern, more, seed):
    """The command that repeats a suite, with the seed of its random moments."""
    environment = more | ({"RUNNER_TEST_SEED": seed} if seed else {})
    return " ".join([f"{name}={value}" for name, value in environment.items()] + [f"swift test --filter '{pattern}'"])


def write(lines, failed, left):
    """Writes the page with the suites that have ended; names those that failed, and those that are `left`."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    table = ["| fault | how many | survived | how that is known | repeated by |", "|---|---|---|---|---|", *lines]
    text = INTRODUCTION + f"Written on {datetime.date.today()}, at commit {commit}.\n\n" + "\n".join(table) + "\n" + REST
    if failed:
        text += "\nFailed: " + ", ".join(f"`{pattern}`" for pattern in failed) + ".\n"
    if left:
        text += "\nNot run to its end when this was written: " + ", ".join(f"`{pattern}`" for pattern in left) + ".\n"
    PAGE.write_text(text)


def main():
    lines, failed = [], []
    for number, (pattern, more) in enumerate(SUITES, 1):
        passed, rows = run(pattern, more)
        if not passed:
            failed.append(pattern)
        total, kept = {}, {}
        for fault, count, oracle, seed in rows:
            total[fault] = total.get(fault, 0) + int(count)
            kept[fault] = (oracle, seed)
        for fault, count in total.items():
            oracle, seed = kept[fault]
            survived = f"{count:,}" if passed else "**not all**"
            lines.append(f"| {fault} | {count:,} | {survived} | {oracle} | `{words_of(pattern, more, seed)}` |")
        print(f"{pattern}: {sum(total.values()):,} faults, {'all survived' if passed else 'FAILED'}", flush=True)
        write(lines, failed, [later for later, _ in SUITES[number:]])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
