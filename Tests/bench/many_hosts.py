"""Ten hosts, twenty trivial commands each: hosts at once, the commands of a host one after the other."""

import shlex

from peers import Ansible, Pyinfra
from servers import Servers
from ssh import answers_of_script, require_same, run_bench, script
from timing import Way, interleave, run

HOSTS = 10
# Every second answer is the host's own, so that one host's answer cannot pass for another's. Programs all of them, no
# shell's builtins: the runner and Ansible start a program for each, and whoever feeds a shell has to do the same.
COMMANDS = [["printenv", "BENCH_HOST"] if n % 2 else ["basename", f"/line/{n}"] for n in range(20)]


def expected_on(host):
    return [host.name if n % 2 else str(n) for n in range(20)]


class ManyHosts:
    def __init__(self, servers, folder):
        self.servers = servers
        self.expected = {host.name: expected_on(host) for host in servers.hosts}
        self.plan = servers.access.bench_plan(folder / "many.json", servers.hosts, COMMANDS)
        for name in ("ansible", "pyinfra"):
            (folder / name).mkdir()
        self.ansible = Ansible(folder / "ansible", servers, COMMANDS)
        self.pyinfra = Pyinfra(folder / "pyinfra", servers.access, servers.hosts, COMMANDS)
        self.output = folder / "shells"
        self.output.mkdir()

    def runner(self):
        done, answers = run_bench(self.plan)
        self.compare("runner's SSH layer", answers)
        return done.seconds

    def shells(self):
        """One `ssh host sh` for each host, all at once."""
        lines = [f"{shlex.join(self.servers.access.ssh(host))} sh <{self.output}/in >{self.output}/{host.name} &\n"
                 for host in self.servers.hosts]
        (self.output / "in").write_text(script(COMMANDS))
        done = run(["sh"], text="".join(lines) + "wait\n").require_success()
        self.compare("ssh host sh", {
            host.name: answers_of_script((self.output / host.name).read_text()) for host in self.servers.hosts})
        return done.seconds

    def compare(self, way, answers):
        for name, expected in self.expected.items():
            require_same(f"{way} on {name}", [answer.removesuffix("\n") for answer in answers[name]], expected)

    def ways(self, ansible_rounds):
        return [
            Way("runner's SSH layer", self.runner, "process start, 10 connections, 200 commands, close"),
            Way("one `ssh host sh` each", self.shells, "10 ssh processes at once, the commands on standard input"),
            Way("pyinfra", lambda: self.pyinfra.carry_out(self.expected),
                "`pyinfra -y --parallel 10`, 20 `server.shell` operations, its own connections"),
            Way("Ansible, pipelining", lambda: self.ansible.carry_out(self.ansible.play, self.expected),
                "`ansible-playbook`, 10 forks, 20 `command` tasks, no facts, ControlPersist from cold", ansible_rounds),
        ]

    def warm_up(self, way):
        """A whole playbook takes most of a minute, so one task has to do for Ansible."""
        if way.name.startswith("Ansible"):
            self.ansible.carry_out(self.ansible.first, self.expected)
        else:
            way.work()


def measure(folder, rounds, ansible_rounds):
    with Servers(folder, HOSTS) as servers:
        many = ManyHosts(servers, folder)
        ways = many.ways(ansible_rounds)
        for way in ways:
            way.rounds = min(way.rounds, rounds)
        interleave(ways, many.warm_up)
        return ways
