"""One command on hundreds of hosts: one sshd for all of them, with a login shell that is plain or slow.

Runs in a network namespace of its own, where all of 127.0.0.0/8 is this machine and nobody else connects.
"""

import json
import shlex
from pathlib import Path

from peers import CACHE, PROGRAMS, Pyinfra, environment
from servers import PORT, OneServer
from ssh import require_same, run_bench
from timing import Way, Wrong, interleave, run, say

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parents[1] / "inventory.schema.json"
SIZES = [100, 300, 500]
# Its third field is the host's own address, so that one host's answer cannot pass for another's.
COMMAND = ["printenv", "SSH_CONNECTION"]
RUNNER, IN_C = "runner's SSH layer", "C on libssh2"
# A slow login shell takes this long of a processor before it runs anything, as one with a long profile does.
SLOW_LOGIN = 0.06
SHELLS = ["plain", "slow"]


def options_of(shell, folder):
    """What sshd's configuration needs for the login shell."""
    if shell == "plain":
        return []
    turns = 200_000
    loop = "n=0\nwhile [ $n -lt {} ]; do n=$((n+1)); done\n"
    turns = int(turns * SLOW_LOGIN / run(["sh", "-c", loop.format(turns)]).require_success().cpu_seconds)
    program = folder / "login-shell"
    program.write_text(f'#!/bin/sh\n{loop.format(turns)}eval "$SSH_ORIGINAL_COMMAND"\n')
    program.chmod(0o755)
    return [f"ForceCommand {program}"]


def default_logins():
    """How many logins the runner has under way at once where the inventory does not say otherwise."""
    limits = json.loads(SCHEMA.read_text())["properties"]["limits"]["properties"]
    return limits["logins"]["default"]


class FanOut:
    """The ways on so many hosts; each notes the processor time and the memory of its last round."""

    def __init__(self, server, hosts, folder, logins):
        self.access, self.hosts, self.folder, self.logins = server.access, hosts, folder, logins
        self.usage = {}
        folder.mkdir()
        self.plan = self.access.bench_plan(
            folder / "plan.json", hosts, [COMMAND], logins=logins)
        self.peers_plan = folder / "peers.json"
        self.peers_plan.write_text(json.dumps({
            "user": self.access.user, "key": str(self.access.key), "knownHosts": str(self.access.known_hosts),
            "port": PORT, "addresses": [host.address for host in hosts], "command": shlex.join(COMMAND)}))
        (folder / "pyinfra").mkdir()
        self.pyinfra = Pyinfra(folder / "pyinfra", server.access, hosts, [COMMAND])

    def runner(self):
        done, answers = run_bench(self.plan)
        return self.judge(RUNNER, done, {host.address: answers[host.name][0] for host in self.hosts})

    def runner_all_open(self):
        """The most memory that it has with a session to every host at the same time."""
        plan = self.access.bench_plan(
            self.folder / "open.json", self.hosts, [COMMAND], logins=self.logins, keepsOpen=True)
        done, answers = run_bench(plan)
        self.judge(RUNNER, done, {host.address: answers[host.name][0] for host in self.hosts})
        return done.peak_mib

    def in_c(self):
        done = run(
            [CACHE / "fan_out", self.access.user, self.access.key, self.access.known_hosts, PORT, self.logins,
             shlex.join(COMMAND)],
            text="\n".join(host.address for host in self.hosts)).require_success()
        answers = {}
        for line in done.output.splitlines():
            address, status, output = line.split(" ", 2)
            if status != "0":
                raise Wrong(f"{IN_C}: the command on {address} ended with status {status}")
            answers[address] = output
        return self.judge(IN_C, done, answers)

    def script(self, way, file):
        done = run([PROGRAMS / "python", HERE / file, self.peers_plan],
                   environment=environment(self.folder)).require_success()
        return self.judge(way, done, json.loads(done.output))

    def with_pyinfra(self):
        done, answers = self.pyinfra.answers()
        return self.judge("pyinfra", done, {host.address: answers[host.name][0] for host in self.hosts})

    def judge(self, way, done, answers):
        """Each host must have given its own answer."""
        lost = [host.address for host in self.hosts if host.address not in answers]
        if lost:
            raise Wrong(f"{way}: no answer from {len(lost)} of {len(self.hosts)} hosts: {' '.join(lost[:20])}")
        require_same(way, [answers[host.address].split()[2] for host in self.hosts],
                     [host.address for host in self.hosts])
        self.usage.setdefault(way, []).append((done.cpu_seconds / len(self.hosts), done.peak_mib))
        return done.seconds

    def ways(self, rounds):
        every = "process start, reading keys, a login, one command and the close for each host"
        at_once = f"{self.logins} logins at once"
        return [
            Way(RUNNER, self.runner, f"{every}; {at_once}", rounds),
            Way(IN_C, self.in_c, f"`fan_out.c`, written for this: the same, {at_once}, one thread", rounds),
            Way("asyncssh", lambda: self.script("asyncssh", "fan_out_asyncssh.py"), "`asyncio.gather` over all hosts", rounds),
            Way("parallel-ssh", lambda: self.script("parallel-ssh", "fan_out_parallel_ssh.py"),
                "`ParallelSSHClient` with its own pool of 100; it does not check host keys", rounds),
            Way("pyinfra", self.with_pyinfra, "`pyinfra -y --parallel` with all hosts, one operation", rounds),
        ]


def measure_hosts(server, hosts, folder, logins, rounds):
    """The ways with their seconds, processor time and memory, as values that can be kept in a file."""
    fan_out = FanOut(server, hosts, folder, logins)
    ways = fan_out.ways(rounds)
    interleave(ways)
    kept = []
    for way in ways:
        # The first was the warm-up.
        usage = fan_out.usage[way.name][1:]
        kept.append({"name": way.name, "includes": way.includes, "seconds": way.seconds,
                     "cpu": [cpu for cpu, _ in usage], "peak": max(peak for _, peak in usage)})
    return {"ways": kept, "allOpen": fan_out.runner_all_open()}


def measure(folder, rounds, sizes=SIZES, shells=SHELLS):
    """By login shell and number of hosts."""
    logins = default_logins()
    figures = {}
    for shell in shells:
        place = folder / shell
        place.mkdir()
        with OneServer(place, max(sizes), *options_of(shell, place)) as server:
            figures[shell] = {}
            for size in sizes:
                say(f" {size} hosts, {shell} login shell")
                figures[shell][str(size)] = measure_hosts(
                    server, server.hosts[:size], place / str(size), logins, rounds)
    return figures


def measure_windows(folder, rounds, size=300, windows=(4, 8, 16, 32, 64, 128)):
    """The runner alone, with windows of several sizes; printed and not kept."""
    for shell in SHELLS:
        place = folder / f"windows-{shell}"
        place.mkdir()
        with OneServer(place, size, *options_of(shell, place)) as server:
            ways = []
            for logins in windows:
                fan_out = FanOut(server, server.hosts, place / str(logins), logins)
                ways.append(Way(f"{logins} logins at once", fan_out.runner, "", rounds))
            interleave(ways)
            for way in ways:
                say(f"{size} hosts, {shell} login shell, {way.name}: "
                    f"{way.median:.2f} s ({min(way.seconds):.2f} … {max(way.seconds):.2f})")
