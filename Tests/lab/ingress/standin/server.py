"""The nginx process: started, given new configurations without dropping a request, ended."""

import os
import signal
import subprocess
import time

from .log import say

NGINX = "/usr/sbin/nginx"


class Nginx:
    def __init__(self, folder):
        self._folder, self._config = folder, os.path.join(folder, "nginx.conf")
        self._process, self._text = None, None
        os.makedirs(os.path.join(folder, "temp"), exist_ok=True)

    def apply(self, text):
        """Brings a configuration into force, unless it already is or nginx refuses it."""
        if text == self._text and self.runs():
            return False
        candidate = self._config + ".new"
        with open(candidate, "w", encoding="utf-8") as file:
            file.write(text)
        test = subprocess.run([NGINX, "-t", "-q", "-c", candidate, "-e", os.path.join(self._folder, "error.log")],
                              capture_output=True, text=True)
        if test.returncode != 0:
            say(f"nginx refuses the new configuration, the last one stays in force: {test.stderr.strip()}")
            return False
        os.replace(candidate, self._config)
        self._text = text
        if self.runs():
            self._process.send_signal(signal.SIGHUP)
        else:
            self.start()
        return True

    def start(self):
        self._end_leftover()
        # Should this process be killed outright, nginx goes with it and leaves the port.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", NGINX, "-c", self._config, "-e", os.path.join(self._folder, "error.log")],
            stdin=subprocess.DEVNULL)

    def runs(self):
        return self._process is not None and self._process.poll() is None

    def restart_if_dead(self):
        if self._process is not None and not self.runs():
            say(f"nginx ended with status {self._process.returncode}; it is started again")
            self.start()

    def stop(self):
        if not self.runs():
            return
        for number, seconds in ((signal.SIGQUIT, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            self._process.send_signal(number)
            try:
                self._process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                pass

    def _end_leftover(self):
        # Only an nginx that runs on this folder's configuration is ours to end.
        try:
            with open(os.path.join(self._folder, "nginx.pid"), encoding="ascii") as file:
                number = int(file.read())
            with open(f"/proc/{number}/cmdline", "rb") as file:
                if self._config.encode() not in file.read():
                    return
            os.kill(number, signal.SIGTERM)
            for _ in range(50):
                os.kill(number, 0)
                time.sleep(0.05)
        except (OSError, ValueError):
            pass
