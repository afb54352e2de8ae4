#!/usr/bin/env python3
"""Runs the tests that break things, and writes docs/reliability.md from the rows that they print.

Part of `make torture`. Ends with 1 where a test fails; the page then says which. With `--suite PATTERN`, which can be
repeated, only that suite is run, and the rows of the others stay as they are. Other arguments are those of `swift test`.
"""

import argparse
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
    ("^JournalTests\\.CrashTests", {"RUNNER_TORTURE": "1"}),
    ("^JournalTests\\.SmallDiskTests", {}),
    ("^JournalTests\\.BitFlipTests", {}),
    ("^JournalTests\\.DamagedResumeTests", {"RUNNER_TORTURE": "1"}),
    ("^JournalTests\\.GeneratedLogsTests", {"RUNNER_TORTURE": "1"}),
    ("^RunnerTests\\.StillbornRunTests", {"RUNNER_TORTURE": "1"}),
    ("^RunnerTests\\.ConcurrentRunsTests", {"RUNNER_TORTURE": "1"}),
    ("^RunnerTests\\.SignalTests", {}),
    ("^RunnerTests\\.CommandFailpointTests", {"RUNNER_TORTURE": "1"}),
    ("^SSHTests\\.FaultyPathTests", {}),
    ("^PostgresTests\\.PostgresServerTests/FaultyPathTests", {}),
    ("^RedisTests\\.FaultyPathTests", {}),
    ("^EngineTests\\.SimulationTests", {"RUNNER_TORTURE": "1"}),
    ("^EngineTests\\.FailpointTests", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RunTests/(interrupted|killed)", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/(aRunWhoseMachine|whoWaited|aWallClockThatIsSetDuring)", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/ofTwoOperators", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aServerThatEnds", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aPathThatBreaks", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aPowerCutTakes", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aPowerCutAtEachSync", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aRunThatWasStopped", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aLivingRunWhoseLock", {}),
    ("^LabTests\\.RehearsalTests/aRunThatSlept", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aWallClockThatIsSetInside", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aDiskThatFails", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aDiskThatIsSlow", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aMigrationThatIsKilled", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aMigrationWhosePod", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aMigrationWhoseNodeIsGone", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aRunResumedWithAnotherInventory", {"RUNNER_TORTURE": "1"}),
    ("^LabTests\\.RehearsalTests/aRunIsResumedByAnotherVersion", {"RUNNER_TORTURE": "1"}),
    ("^StepsTests\\.KilledChangesTests", {"RUNNER_TORTURE": "1"}),
]
# As `survived` in Tests/Support prints it.
ROW = re.compile(r"^survived\|([^|]+)\|(\d+)\|([^|]+)\|(\d*)$", re.M)

INTRODUCTION = """\
# Reliability

What is broken on purpose, and what a run makes of it. `make torture` writes this page from what its tests print; nothing in the table
is counted by hand, and a suite that fails is named below it. Each row's command repeats it. `make test` has a part of it:
each failpoint the first time that it is reached, and on the rehearsal cluster most of these kinds, in a step and at a moment that a
seed chooses.

"""

REST = """
A fault is survived if the statement beside it holds after each: `runner resume` ends as an undisturbed run does, no finished step is
done again, and `audit verify` finds the record intact. Damage to a file is survived if it is found and its place is named.

Where the rehearsal cluster is not named, the hosts of these tests are files, are simulated, or accept connections and say nothing; those
of the paths that break are a real sshd, PostgreSQL and Redis behind a proxy. The simulated disk, and the file system in
`Tests/power-cut`, keep of a file what was there at its last fsync, and of a folder the names at its own. On the rehearsal cluster,
`make rehearse` also kills resets of the database; that counts nothing for this page. Not tried yet: a power cut of a real machine.
"""


def run(pattern, more, options):
    """Whether the suite passed, and its rows: fault, how many, oracle, seed."""
    # All of LabTests use one cluster.
    order = ["--no-parallel"] if "LabTests" in pattern else []
    command = ["swift", "test", "--skip-build", *order, "--filter", pattern, *options]
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


def kept(patterns):
    """The rows of the page as it is, by suite, for those in `patterns`."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "--filter" in line]
    return {pattern: [row for row in rows if f"--filter '{pattern}'" in row.replace("\\|", "|")] for pattern in patterns}


def write(rows, failed):
    """Writes the page with the suites that have rows; names those that failed, and those that have none."""
    table = ["| fault | how many | survived | how that is known | repeated by | on |", "|---|---|---|---|---|---|"]
    table += [line for pattern, _ in SUITES for line in rows.get(pattern, [])]
    left = [pattern for pattern, _ in SUITES if not rows.get(pattern) and pattern not in failed]
    text = INTRODUCTION + "\n".join(table) + "\n" + REST
    if failed:
        text += "\nFailed: " + ", ".join(f"`{pattern}`" for pattern in failed) + ".\n"
    if left:
        text += "\nNot run to its end when this was written: " + ", ".join(f"`{pattern}`" for pattern in left) + ".\n"
    PAGE.write_text(text)


def rows_of(pattern, more, found, passed):
    """The lines of a suite's faults, those of the same kind added up."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    total, last = {}, {}
    for fault, count, oracle, seed in found:
        total[fault] = total.get(fault, 0) + int(count)
        last[fault] = (oracle, seed)
    lines = []
    for fault, count in total.items():
        oracle, seed = last[fault]
        survived = f"{count:,}" if passed else "**not all**"
        command = words_of(pattern, more, seed).replace("|", "\\|")
        lines.append(
            f"| {fault} | {count:,} | {survived} | {oracle} | `{command}` | {datetime.date.today()}, {commit} |")
    print(f"{pattern}: {sum(total.values()):,} faults, {'all survived' if passed else 'FAILED'}", flush=True)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", choices=[pattern for pattern, _ in SUITES])
    arguments, options = parser.parse_known_args()
    chosen = [suite for suite in SUITES if not arguments.suite or suite[0] in arguments.suite]
    names = [pattern for pattern, _ in chosen]
    rows, failed = kept([pattern for pattern, _ in SUITES if pattern not in names]), []
    for pattern, more in chosen:
        passed, found = run(pattern, more, options)
        if not passed:
            failed.append(pattern)
        rows[pattern] = rows_of(pattern, more, found, passed)
        write(rows, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
