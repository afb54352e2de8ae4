"""SSH servers: ten with addresses and host keys of their own, and one that has hundreds of addresses."""

import subprocess
import time
from pathlib import Path

from ssh import Access, Host
from timing import Wrong

PORT = 2222


class Daemons:
    """The sshd of a measurement: started on entry, ended by process at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.access = Access(folder / "user", folder / "known_hosts")
        self.processes = []

    def __enter__(self):
        # sshd wants its privilege separation directory even where it is not a system service.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        try:
            self.keygen("user")
            self.start_all()
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

    def start(self, name, address, *options):
        """Starts an sshd whose host key is called `name`; `wait_for` waits until it listens."""
        configuration = self.folder / f"{name}.conf"
        configuration.write_text("\n".join([
            f"ListenAddress {address}:{PORT}", f"HostKey {self.folder}/{name}",
            f"AuthorizedKeysFile {self.folder}/user.pub", "StrictModes no", "PidFile none", "UsePAM no", "UseDNS no",
            "PermitRootLogin prohibit-password", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "Subsystem sftp internal-sftp", *options]) + "\n")
        log = open(self.folder / f"{name}.log", "w")
        # Ended with the bench even where that is killed.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "/usr/sbin/sshd", "-D", "-e", "-f", configuration],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.processes.append(process)
        return name, process

    def wait_for(self, started):
        name, process = started
        deadline = time.monotonic() + 10
        log = self.folder / f"{name}.log"
        while "Server listening" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Wrong(f"sshd {name} does not listen: {log.read_text()}")
            time.sleep(0.02)

    def end(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.processes = []


# Debian's bash reads ~/.bashrc under sshd otherwise, and what stands there on this machine is no tool's doing.
SHELL_LEVEL = "SHLVL=5"


class Servers(Daemons):
    """`with Servers(folder, 10) as servers`: an sshd for each host."""

    def __init__(self, folder, count):
        super().__init__(folder)
        self.hosts = [Host(f"host-{n:02}", f"127.0.1.{n}", PORT) for n in range(1, count + 1)]

    def start_all(self):
        lines, started = [], []
        for host in self.hosts:
            public = self.keygen(host.name)
            lines.append(f"[{host.address}]:{host.port} {public}")
            started.append(self.start(host.name, host.address, f"SetEnv {SHELL_LEVEL} BENCH_HOST={host.name}"))
        self.access.known_hosts.write_text("\n".join(lines) + "\n")
        for daemon in started:
            self.wait_for(daemon)


class OneServer(Daemons):
    """`with OneServer(folder, 500) as server`: one sshd that is all hosts, with further lines of its configuration."""

    def __init__(self, folder, count, *options):
        super().__init__(folder)
        self.options = options
        self.hosts = [
            Host(f"host-{n:03}", f"127.0.{1 + n // 250}.{1 + n % 250}", PORT) for n in range(count)]

    def start_all(self):
        public = self.keygen("host")
        self.access.known_hosts.write_text(
            "".join(f"[{host.address}]:{host.port} {public}\n" for host in self.hosts))
        self.wait_for(self.start(
            "host", "0.0.0.0", "MaxStartups 1000", f"SetEnv {SHELL_LEVEL}", *self.options))
