"""Runs a program and says how long it took, how much memory it had at most, and what it said."""

import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field


class Wrong(Exception):
    """A measured program failed, or its result is not the right one: its time means nothing."""


@dataclass
class Run:
    argv: list
    status: int
    seconds: float
    # Of the processors, in the program itself and what it started and waited for.
    cpu_seconds: float
    peak_mib: float
    output: str
    errors: str

    def require_success(self):
        if self.status != 0:
            said = (self.errors or self.output)[-1500:]
            raise Wrong(f"{' '.join(map(str, self.argv))[:200]} ended with status {self.status}:\n{said}")
        return self


def run(argv, *, text="", environment=None, limit=300):
    """Runs `argv` with `text` as its standard input; timed from the start of the process to its end."""
    with (tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as output,
          tempfile.TemporaryFile("w+") as errors):
        given.write(text)
        given.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in argv], stdin=given, stdout=output, stderr=errors, env=environment,
            start_new_session=True)
        usage = wait(process, limit)
        seconds = time.perf_counter() - start
        output.seek(0)
        errors.seek(0)
        return Run(
            argv, process.returncode, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
            output.read(), errors.read())


def wait(process, limit):
    """Waits for the end and returns what was used; what takes too long, or is interrupted, is ended with all it started."""
    timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


@dataclass
class Way:
    """One way to do the work: `work` does it once, proves the result, and returns the seconds."""

    name: str
    work: object
    includes: str
    rounds: int = 7
    seconds: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.seconds)


def interleave(ways, warm_up=lambda way: way.work()):
    """Measures all ways in turn, so that whatever disturbs the machine disturbs each; the first round does not count."""
    for way in ways:
        say(f"  warm-up: {way.name}")
        warm_up(way)
    for number in range(max(way.rounds for way in ways)):
        say(f"  round {number + 1}")
        # Each begins once, so that none is always the one after the heaviest.
        turn = number % len(ways)
        for way in ways[turn:] + ways[:turn]:
            if number < way.rounds:
                way.seconds.append(way.work())


def say(text):
    print(text, flush=True)
