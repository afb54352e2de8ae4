"""20 reads with kubectl on a master: each object by a command of its own, the same commands for all ways."""

import json
import shlex

from ssh import MARK, Host, answers_of_script, require_same, run_bench, script
from timing import Way, Wrong, interleave, run

KUBECONFIG = "/root/.kube/config"
MASTER = Host("k8s-master-01", "10.0.0.100")
# Of the ways that run several commands at once.
AT_ONCE = 4


def at_once(way):
    """The name of the way that does the same with several commands at once."""
    return f"{way}, {AT_ONCE} at once"


OBJECTS = [
    ("namespaces", None, "chatwoot"), ("namespaces", None, "default"), ("namespaces", None, "kube-system"),
    ("namespaces", None, "kube-public"),
    ("deployments.apps", "chatwoot", "chatwoot-web"), ("deployments.apps", "chatwoot", "chatwoot-worker"),
    ("services", "chatwoot", "chatwoot-web"), ("services", "default", "kubernetes"),
    ("ingresses.networking.k8s.io", "chatwoot", "chatwoot-ingress"),
    ("poddisruptionbudgets.policy", "chatwoot", "chatwoot-web"),
    ("poddisruptionbudgets.policy", "chatwoot", "chatwoot-worker"),
    ("configmaps", "chatwoot", "chatwoot-config"), ("configmaps", "chatwoot", "kube-root-ca.crt"),
    ("configmaps", "default", "kube-root-ca.crt"), ("configmaps", "kube-system", "kube-root-ca.crt"),
    ("serviceaccounts", "chatwoot", "default"), ("serviceaccounts", "default", "default"),
    ("serviceaccounts", "kube-system", "default"), ("serviceaccounts", "kube-public", "default"),
]


def commands():
    kubectl = ["kubectl", "--kubeconfig", KUBECONFIG, "--request-timeout=15s", "get"]
    reads = [kubectl + [kind, name, "-o", "json"] + (["--namespace", namespace] if namespace else [])
             for kind, namespace, name in OBJECTS]
    return [kubectl + ["--raw", "/version"]] + reads


class Reads:
    def __init__(self, access, folder, lab):
        self.access, self.folder, self.lab = access, folder, lab
        self.commands = commands()
        self.script = script(self.commands)
        self.socket = folder / "master.sock"
        self.expected = None

    def measure(self, rounds):
        self.expected, _ = self.on_the_host()
        objects = [json.loads(answer) for answer in self.expected[1:]]
        self.access.bench_plan(self.folder / "reads.json", [MASTER], self.commands)
        self.access.bench_plan(self.folder / "at-once.json", [MASTER], self.commands, atOnce=AT_ONCE)
        self.write_calls()
        self.access.bench_plan(
            self.folder / "batch.json", [MASTER], kubeconfig=KUBECONFIG,
            objects=[{"apiVersion": o["apiVersion"], "kind": o["kind"], "namespace": o["metadata"].get("namespace"),
                      "name": o["metadata"]["name"]} for o in objects])
        ways = [
            Way("on the master itself, no SSH", self.floor, "a local `sh` fed the same commands: what kubectl itself takes"),
            Way("runner's SSH layer", self.runner,
                "process start, connection, 20 commands in one session, close; kubectl in the runner's environment"),
            Way(at_once("runner's SSH layer"), self.runner_at_once,
                f"the same, {AT_ONCE} commands at any time in that session"),
            Way("one `ssh host sh`", self.one_shell, "process start, connection, the commands on its standard input"),
            Way("ssh, ControlMaster", self.with_master, "master's start and end, 20 ssh commands"),
            Way(at_once("ssh, ControlMaster"), self.with_master_at_once,
                f"the same, the ssh commands run by `xargs -P {AT_ONCE}`"),
            Way("ssh, ControlMaster already there", self.over_master, "20 ssh commands"),
            Way("runner's cluster reader", self.batch,
                "as the runner reads in fact: the 19 objects with one kubectl, connection included"),
        ]
        for way in ways:
            way.rounds = rounds
        interleave(ways)
        return ways

    def on_the_host(self):
        """The answers, and the seconds without the way to the host."""
        done = run([self.lab, "shell", MASTER.name, "bash"],
                   text=f"echo $EPOCHREALTIME\n{self.script}echo $EPOCHREALTIME\n").require_success()
        first, rest = done.output.split("\n", 1)
        body, last = rest[:-1].rsplit("\n", 1)
        return answers_of_script(body + "\n"), float(last) - float(first)

    def floor(self):
        answers, seconds = self.on_the_host()
        require_same("on the master", answers, self.expected)
        return seconds

    def runner(self):
        done, answers = run_bench(self.folder / "reads.json")
        require_same("runner's SSH layer", answers[MASTER.name], self.expected)
        return done.seconds

    def runner_at_once(self):
        done, answers = run_bench(self.folder / "at-once.json")
        require_same("runner's SSH layer, at once", answers[MASTER.name], self.expected)
        return done.seconds

    def batch(self):
        done, answers = run_bench(self.folder / "batch.json")
        by_name = {identity(json.loads(answer)): json.loads(answer) for answer in answers[MASTER.name]}
        wanted = {identity(json.loads(answer)): json.loads(answer) for answer in self.expected[1:]}
        if by_name != wanted:
            raise Wrong("runner's cluster reader: not the objects that the commands read")
        return done.seconds

    def one_shell(self):
        done = run(self.access.ssh(MASTER) + ["sh"], text=self.script).require_success()
        require_same("ssh host sh", answers_of_script(done.output), self.expected)
        return done.seconds

    def call(self, command):
        return f"{shlex.join(self.access.ssh(MASTER, '-S', str(self.socket)))} {shlex.quote(shlex.join(command))} </dev/null"

    def calls(self):
        return "".join(f"{self.call(command)}\necho {MARK} $?\n" for command in self.commands)

    def write_calls(self):
        """A script for each command, which becomes its ssh; the answer goes to a file of its own."""
        self.outputs = [self.folder / f"call-{number:02}.out" for number in range(len(self.commands))]
        for command, output in zip(self.commands, self.outputs):
            output.with_suffix(".sh").write_text(f"exec {self.call(command)} >{output}\n")
        scripts = "".join(f"{output.with_suffix('.sh')}\n" for output in self.outputs)
        (self.folder / "calls").write_text(scripts)

    def start(self):
        return shlex.join(self.access.ssh(MASTER, "-S", str(self.socket), "-fNM")) + " >/dev/null 2>&1\n"

    def end(self):
        return shlex.join(self.access.ssh(MASTER, "-S", str(self.socket), "-O", "exit")) + " 2>/dev/null\n"

    def with_master(self):
        done = run(["sh"], text=self.start() + self.calls() + self.end()).require_success()
        require_same("ssh with ControlMaster", answers_of_script(done.output), self.expected)
        return done.seconds

    def with_master_at_once(self):
        for output in self.outputs:
            output.unlink(missing_ok=True)
        # Ends with another status than 0 where any of them does.
        calls = f"xargs -P {AT_ONCE} -n 1 sh <{self.folder}/calls\nstatus=$?\n"
        done = run(["sh"], text=self.start() + calls + self.end() + "exit $status\n").require_success()
        answers = [output.read_text() for output in self.outputs]
        require_same("ssh with ControlMaster, at once", answers, self.expected)
        return done.seconds

    def over_master(self):
        run(["sh"], text=self.start()).require_success()
        try:
            done = run(["sh"], text=self.calls()).require_success()
        finally:
            run(["sh"], text=self.end())
        require_same("ssh over a ControlMaster", answers_of_script(done.output), self.expected)
        return done.seconds


def identity(thing):
    return thing["kind"], thing["metadata"].get("namespace"), thing["metadata"]["name"]
