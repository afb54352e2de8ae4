"""The loop that turns what the API server says into nginx' configuration, at the pace of the real controller."""

import math
import os
import threading
import time

from .api import Follower, Kubeconfig
from .log import Once, say
from .rendering import render
from .rules import Rules, endpoints_essence, ingress_essence, rules, service_essence
from .server import Nginx


def _loading_time(folder):
    """For how many seconds after its start the controller answers 502, as the file `loading-seconds` says; for once only."""
    path = os.path.join(folder, "loading-seconds")
    try:
        with open(path, encoding="ascii") as file:
            seconds = float(file.read())
    except FileNotFoundError:
        return 0.0
    os.unlink(path)
    return seconds


class Rounds:
    """Points in time at a fixed distance: whatever happens between two of them is dealt with at the later one."""

    def __init__(self, distance):
        self._distance, self._origin = distance, time.monotonic()

    def next(self, after):
        return self._origin + math.ceil((after - self._origin) / self._distance) * self._distance


class Controller:
    def __init__(self, options):
        self._options = options
        self._nginx = Nginx(options.dir)
        self._stopping = threading.Event()
        self._wake = threading.Condition()
        self._pulse = threading.Lock()
        # The moment of the first change that is not in force yet, for each of the two kinds.
        self._changed, self._begun = {"rules": None, "endpoints": None}, False
        self._rounds = {"rules": Rounds(options.sync_round), "endpoints": Rounds(options.endpoints_round)}
        self._rules, self._services, self._complaints = Rules(), {}, Once()
        self._loads_until = time.monotonic() + _loading_time(options.dir)
        kubeconfig = Kubeconfig(options.kubeconfig)
        self._ingresses, self._all_services, self._endpoints = (
            Follower(kubeconfig, path, essence, lambda kind=kind: self._note(kind), self._stopping)
            for path, essence, kind in (("/apis/networking.k8s.io/v1/ingresses", ingress_essence, "rules"),
                                        ("/api/v1/services", service_essence, "rules"),
                                        ("/api/v1/endpoints", endpoints_essence, "endpoints")))

    def stop(self):
        """Called from a signal handler; the condition's lock may be taken twice by one thread, so this cannot jam."""
        self._stopping.set()
        with self._wake:
            self._wake.notify()

    def run(self):
        say(f"{self._options.node_name}: stand-in for ingress-nginx, class {self._options.ingress_class}, "
            f"on {self._options.address}:{self._options.port}")
        self._apply()
        for follower in (self._ingresses, self._all_services, self._endpoints):
            follower.start()
        try:
            while not self._stopping.is_set():
                self._wait()
                self._nginx.restart_if_dead()
                self._synchronise()
        finally:
            self._nginx.stop()
            say(f"{self._options.node_name}: stopped")

    def _note(self, kind):
        # Half of the truth would take away what still works, so nothing is said before all three lists have arrived.
        complete = None not in self._known()
        if complete:
            self._record_pulse()
        with self._wake:
            kinds = () if not complete else (kind,) if self._begun else ("rules", "endpoints")
            self._begun = self._begun or complete
            for kind in kinds:
                if self._changed[kind] is None:
                    self._changed[kind] = time.monotonic()
            self._wake.notify()

    def _record_pulse(self):
        """How far this node follows the cluster: the lab changes the ports of a Service and its Endpoints, and waits for them."""
        pulse, path = ("kube-system", "lab-pulse"), os.path.join(self._options.dir, "pulse")
        with self._pulse:
            _, services, endpoints = self._known()
            if pulse not in services or pulse not in endpoints:
                return
            ports = [port["port"] for port in services[pulse]["ports"]]
            ports += [port for _, port in endpoints[pulse].get("pulse", [])]
            with open(path + ".new", "w", encoding="ascii") as file:
                file.write(" ".join(map(str, ports)))
            os.replace(path + ".new", path)

    def _known(self):
        return [follower.objects() for follower in (self._ingresses, self._all_services, self._endpoints)]

    def _due(self):
        """When the earliest waiting change has to come into force, or None."""
        times = [self._loads_until] if time.monotonic() < self._loads_until else [self._rounds[kind].next(since) for kind, since in self._changed.items() if since is not None]
        return min(times, default=None)

    def _wait(self):
        # nginx may die without anybody telling, hence the upper bound.
        with self._wake:
            due = self._due()
            pause = 1.0 if due is None else min(1.0, max(0.0, due - time.monotonic()))
            if pause > 0:
                self._wake.wait(pause)

    def _synchronise(self):
        now, ready = time.monotonic(), []
        if now < self._loads_until:
            return
        with self._wake:
            for kind, since in self._changed.items():
                if since is not None and self._rounds[kind].next(since) <= now:
                    ready.append(kind)
                    self._changed[kind] = None
        if not ready:
            return
        ingresses, services, endpoints = self._known()
        if "rules" in ready:
            self._rules, self._services = rules(ingresses, self._options.ingress_class), services
            self._complaints.keep(self._rules.complaints)
        self._apply(endpoints)

    def _apply(self, endpoints=None):
        listen = f"{self._options.address}:{self._options.port}"
        unknown = 502 if time.monotonic() < self._loads_until else 404
        if self._nginx.apply(render(self._rules, self._services, endpoints or {}, self._options.dir, listen, unknown)):
            hosts = ", ".join(sorted(self._rules.hosts)) or "none"
            say(f"configuration in force; hosts: {hosts}")
