"""Ten SSH servers on addresses of their own, each with a host key of its own."""

import subprocess
import time
from pathlib import Path

from ssh import Access, Host
from timing import Wrong

PORT = 2222


class Servers:
    """`with Servers(folder, 10) as servers`: started on entry, ended by process at the end."""

    def __init__(self, folder, count):
        self.folder = folder
        self.hosts = [Host(f"host-{n:02}", f"127.0.1.{n}", PORT) for n in range(1, count + 1)]
        self.access = Access(folder / "user", folder / "known_hosts")
        self.processes = []

    def __enter__(self):
        # sshd wants its privilege separation directory even where it is not a system service.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        try:
            self.keygen("user")
            lines = []
            for host in self.hosts:
                public = self.keygen(host.name)
                lines.append(f"[{host.address}]:{host.port} {public}")
                self.start(host)
            self.access.known_hosts.write_text("\n".join(lines) + "\n")
            for host, process in zip(self.hosts, self.processes):
                self.wait_for(host, process)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def keygen(self, name):
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return " ".join(path.with_suffix(".pub").read_text().split()[:2])

    def start(self, host):
        configuration = self.folder / f"{host.name}.conf"
        # SHLVL: Debian's bash reads ~/.bashrc under sshd otherwise, and what stands there on this machine is no tool's doing.
        configuration.write_text("\n".join([
            f"ListenAddress {host.address}:{host.port}", f"HostKey {self.folder}/{host.name}",
            f"AuthorizedKeysFile {self.folder}/user.pub", "StrictModes no", "PidFile none", "UsePAM no", "UseDNS no",
            "PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "Subsystem sftp internal-sftp", f"SetEnv SHLVL=5 BENCH_HOST={host.name}"]) + "\n")
        log = open(self.folder / f"{host.name}.log", "w")
        # Ended with the bench even where that is killed.
        self.processes.append(subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "/usr/sbin/sshd", "-D", "-e", "-f", configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        log.close()

    def wait_for(self, host, process):
        deadline = time.monotonic() + 10
        log = self.folder / f"{host.name}.log"
        while "Server listening" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Wrong(f"sshd of {host.name} does not listen on {host.address}:{host.port}: {log.read_text()}")
            time.sleep(0.02)

    def end(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.processes = []
