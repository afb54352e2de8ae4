"""Command lines of OpenSSH, and the runner's SSH layer beside it (`Bench`): the same key and known hosts for both."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from timing import Wrong, run

BENCH = Path(__file__).resolve().parents[2] / ".build/release/Bench"
MARK = "bench-status"


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    port: int = 22


@dataclass(frozen=True)
class Access:
    """With which key, and whose host keys are trusted."""

    key: Path
    known_hosts: Path
    user: str = "root"

    def ssh(self, host, *options):
        """The beginning of an ssh command line; this machine's own ssh configuration is left out of it."""
        return ["ssh", "-F", "none", "-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self.known_hosts}",
                "-o", "GlobalKnownHostsFile=/dev/null", "-p", str(host.port), *options, f"{self.user}@{host.address}"]

    def bench_plan(self, path, hosts, commands=(), objects=(), kubeconfig="", **more):
        """Writes a plan; `more` are its other keys, see `Plan`."""
        path.write_text(json.dumps({
            "user": self.user, "key": str(self.key), "knownHosts": str(self.known_hosts),
            "hosts": [vars(host) for host in hosts], "commands": list(commands), "objects": list(objects),
            "kubeconfig": kubeconfig, **more}))
        return path


def script(commands):
    """What a `sh` is fed to do the commands, each followed by a line with its exit status."""
    return "".join(f"{shlex.join(command)}\necho {MARK} $?\n" for command in commands)


def answers_of_script(text):
    """What each command of `script` said; a wrong exit status is the bench's end."""
    parts = re.split(rf"{MARK} (\d+)\n", text)
    for status in parts[1::2]:
        if status != "0":
            raise Wrong(f"a command ended with status {status}")
    return parts[0:-1:2]


def run_bench(plan):
    """Runs `Bench` on a plan: its run, and what each command of each host said."""
    done = run([BENCH, plan]).require_success()
    answers = json.loads(done.output)
    for host, results in answers.items():
        for result in results:
            if result["status"] != 0:
                raise Wrong(f"a command on {host} ended with status {result['status']}")
    return done, {host: [result["output"] for result in results] for host, results in answers.items()}


def require_same(way, answers, expected):
    if len(answers) != len(expected):
        raise Wrong(f"{way}: {len(answers)} answers to {len(expected)} commands")
    for number, (answer, right) in enumerate(zip(answers, expected), 1):
        if answer != right:
            raise Wrong(f"{way}: command {number} says\n{answer[:800]}\nand not\n{right[:800]}")
