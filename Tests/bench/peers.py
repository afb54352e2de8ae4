"""Ansible and pyinfra as an operator would use them: a playbook of `command` tasks, a deploy of `server.shell` operations."""

import json
import os
import shlex
from pathlib import Path

from ssh import require_same
from timing import run

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keybuzz-runner-bench"
PROGRAMS = CACHE / "venv/bin"


def environment(folder, **more):
    """The programs' home is the bench's own folder, so that no configuration or cache of this machine takes part."""
    return {"PATH": f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1", **more}


class Ansible:
    def __init__(self, folder, servers, commands):
        self.folder, self.hosts, self.record = folder, servers.hosts, folder / "said.json"
        self.sockets = folder / "cp"
        access = servers.access
        (folder / "ansible.cfg").write_text("\n".join([
            "[defaults]", f"forks = {len(self.hosts)}", f"inventory = {folder}/hosts.json", "host_key_checking = true",
            f"callback_plugins = {HERE}/ansible_plugins", "stdout_callback = record", "interpreter_python = /usr/bin/python3",
            "[connection]", "pipelining = true",
            "[ssh_connection]", f"control_path_dir = {self.sockets}",
            "ssh_args = -F none -C -o ControlMaster=auto -o ControlPersist=60s -o IdentitiesOnly=yes "
            f"-o UserKnownHostsFile={access.known_hosts} -o GlobalKnownHostsFile=/dev/null"]) + "\n")
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {
            host.name: {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": access.user,
                        "ansible_ssh_private_key_file": str(access.key)} for host in self.hosts}}}))
        self.play = self.playbook("play.json", commands)
        self.first = self.playbook("first.json", commands[:1])
        self.environment = environment(folder, ANSIBLE_CONFIG=f"{folder}/ansible.cfg", BENCH_RECORD=str(self.record))

    def playbook(self, name, commands):
        path = self.folder / name
        path.write_text(json.dumps([{
            "hosts": "all", "gather_facts": False,
            "tasks": [{"name": shlex.join(command), "ansible.builtin.command": {"argv": command}} for command in commands]}]))
        return path, commands

    def carry_out(self, playbook, expected):
        path, commands = playbook
        self.record.unlink(missing_ok=True)
        try:
            done = run([PROGRAMS / "ansible-playbook", path], environment=self.environment).require_success()
        finally:
            self.disconnect()
        said = json.loads(self.record.read_text())
        for host in self.hosts:
            require_same(f"Ansible on {host.name}", said[host.name], expected[host.name][:len(commands)])
        return done.seconds

    def disconnect(self):
        """Ends the connections that Ansible left for its next run, so that each begins with none."""
        for control in self.sockets.glob("*") if self.sockets.exists() else []:
            run(["ssh", "-F", "none", "-S", control, "-O", "exit", "bench"])


class Pyinfra:
    def __init__(self, folder, access, hosts, commands):
        self.folder, self.hosts = folder, hosts
        hosts = [(host.name, {"ssh_hostname": host.address, "ssh_port": host.port}) for host in hosts]
        data = {"ssh_user": access.user, "ssh_key": str(access.key), "ssh_known_hosts_file": str(access.known_hosts),
                "ssh_strict_host_key_checking": "yes", "ssh_allow_agent": False, "ssh_look_for_keys": False,
                "bench_commands": [shlex.join(command) for command in commands], "bench_record": str(folder)}
        (folder / "inventory.py").write_text(f"hosts = ({hosts!r}, {data!r})\n")
        self.environment = environment(folder)

    def answers(self):
        """Its run, and what each command of each host said."""
        for host in self.hosts:
            (self.folder / f"{host.name}.json").unlink(missing_ok=True)
        done = run([PROGRAMS / "pyinfra", "-y", "--parallel", len(self.hosts), self.folder / "inventory.py",
                    HERE / "pyinfra_deploy.py"], environment=self.environment).require_success()
        return done, {host.name: json.loads((self.folder / f"{host.name}.json").read_text()) for host in self.hosts}

    def carry_out(self, expected):
        done, answers = self.answers()
        for host in self.hosts:
            require_same(f"pyinfra on {host.name}", answers[host.name], expected[host.name])
        return done.seconds
