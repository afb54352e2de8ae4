"""What the figures were taken on."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from peers import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]


def first_line(*argv, pattern=r".*"):
    done = subprocess.run(argv, capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(0) if found else "?"


def cpu_model():
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def busy_share(seconds=3):
    """Which part of the processors' time others use while the bench does nothing."""
    def read():
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    all_before, idle_before = read()
    time.sleep(seconds)
    all_after, idle_after = read()
    return 1 - (idle_after - idle_before) / (all_after - all_before)


def package(name):
    """The version of what was installed from PyPI."""
    return first_line(str(PROGRAMS / "pip"), "show", name, pattern=r"(?<=Version: )\S+")


def facts():
    revision = first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = subprocess.run(
        ["git", "-C", str(ROOT), "status", "--porcelain", "--", "Sources", "steps", "Tests/bench", "Package.swift"],
        capture_output=True, text=True).stdout
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "source": f"commit {revision}" + (" with changes not committed" if changed else ""),
        "machine": f"{cpu_model()}, {os.cpu_count()} processors, Linux {platform.release()}",
        "OpenSSH": first_line("ssh", "-V", pattern=r"OpenSSH_[^,]*"),
        "libssh2": first_line("dpkg-query", "-W", "-f", "${Version}", "libssh2-1"),
        "ansible-core": first_line(str(PROGRAMS / "ansible"), "--version", pattern=r"(?<=core )[0-9.]+"),
        "pyinfra": first_line(str(PROGRAMS / "pyinfra"), "--version", pattern=r"[0-9][0-9.]+"),
        "asyncssh": package("asyncssh"),
        "parallel-ssh": package("parallel-ssh"),
        "kubectl": first_line("kubectl", "version", "--client", pattern=r"v[0-9]\S*"),
        "Swift": first_line("swift", "--version", pattern=r"(?<=Swift version )\S+") + ", release build",
    }
