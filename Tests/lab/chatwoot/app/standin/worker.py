"""`sidekiq`: the worker process, its heartbeat and its queues."""

import json
import os
import secrets
import signal
import socket
import threading
import time
from datetime import datetime, timezone

import yaml

from . import database, hooks, redis, settings
from .errors import ConfigurationError, RailsError, RedisCannotConnect, RedisCommandError
from .log import sidekiq

BEAT_SECONDS = 10
HEARTBEAT_TTL = 60


def work(config_path):
    config = _read_config(config_path)
    sidekiq("Stand-in of the rehearsal cluster, not Chatwoot")
    hooks.pause("BOOT_DELAY")
    hooks.fail_if_asked("worker")
    store = redis.connect()
    version = store.server_version()
    if [int(part) for part in version.split(".")[:2]] < [6, 2]:
        raise ConfigurationError("RuntimeError",
                                 f"You are connecting to Redis {version}, Sidekiq requires Redis 6.2.0 or greater")
    pool = database.Pool("sidekiq", "SIDEKIQ_CONCURRENCY", 10)
    with pool.connection():
        pass
    sidekiq(f"Booted Rails application in {settings.environment()} environment")
    worker = Worker(config, pool)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop.set())
    signal.signal(signal.SIGTSTP, lambda *_: worker.quiet.set())
    worker.run()
    return 0


def _read_config(path):
    try:
        with open(path, encoding="utf-8") as file:
            config = yaml.safe_load(file)
    except OSError:
        raise ConfigurationError("ArgumentError", f"No such file {path}") from None
    return {"queues": config[":queues"], "timeout": config.get(":timeout", 25),
            "concurrency": int(os.environ.get("SIDEKIQ_CONCURRENCY") or config.get(":concurrency", 10))}


class Worker:
    def __init__(self, config, pool):
        self.stop, self.quiet = threading.Event(), threading.Event()
        self._config, self._pool = config, pool
        self._busy = threading.Lock()
        self._started = time.time()
        self.identity = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(6)}"

    def run(self):
        threading.Thread(target=self._heartbeat, daemon=True).start()
        threading.Thread(target=self._fetch, daemon=True).start()
        sidekiq("Starting processing, hit Ctrl-C to stop")
        self.stop.wait()
        sidekiq("Shutting down")
        self.quiet.set()
        if self._busy.acquire(timeout=self._config["timeout"]):
            sidekiq("Pausing to allow jobs to finish...")
        self._say_goodbye()
        sidekiq("Bye!")

    def _heartbeat(self):
        store = redis.connect()
        while not self.stop.is_set():
            try:
                self._beat(store)
            except (RedisCannotConnect, RedisCommandError) as error:
                sidekiq(f"heartbeat: {error}", "ERROR")
            self.stop.wait(BEAT_SECONDS)

    def _beat(self, store):
        host, pid, _ = self.identity.split(":")
        info = {"hostname": host, "started_at": self._started, "pid": int(pid), "tag": "app",
                "concurrency": self._config["concurrency"], "queues": self._config["queues"],
                "weights": [{queue: 0 for queue in self._config["queues"]}], "labels": [],
                "identity": self.identity, "version": "7.2.4", "embedded": False}
        store("SADD", "processes", self.identity)
        store("HSET", self.identity, "info", json.dumps(info), "concurrency", self._config["concurrency"],
              "busy", int(self._busy.locked()), "beat", f"{time.time():.6f}", "quiet", str(self.quiet.is_set()).lower(),
              "rss", _resident_kilobytes(), "rtt_us", 0)
        store("EXPIRE", self.identity, HEARTBEAT_TTL)

    def _say_goodbye(self):
        try:
            store = redis.connect()
            store("SREM", "processes", self.identity)
            store("DEL", self.identity, self.identity + ":work")
        except (RedisCannotConnect, RedisCommandError):
            pass  # the set's entry then dies with its heartbeat

    def _fetch(self):
        store = redis.connect()
        queues = [f"queue:{name}" for name in self._config["queues"]]
        while not self.quiet.is_set():
            try:
                found = store("BRPOP", *queues, 2, timeout=2)
            except (RedisCannotConnect, RedisCommandError) as error:
                sidekiq(f"Error fetching job: {error}", "ERROR")
                self.stop.wait(1)
                continue
            if found:
                with self._busy:
                    self._perform(store, found[1])

    def _perform(self, store, payload):
        started = time.monotonic()
        try:
            job = json.loads(payload)
            label = f"class={job.get('class')} jid={job.get('jid')}"
        except (ValueError, AttributeError):
            sidekiq("Invalid JSON for job", "WARN")
            return
        sidekiq(f"{label}: start")
        today = datetime.now(timezone.utc).date().isoformat()
        try:
            with self._pool.connection() as connection:
                database.run(connection, 'SELECT count(*) FROM "accounts"')
            outcome = "processed"
        except RailsError as error:
            sidekiq(f"{label}: {error.ruby_name}: {error}", "WARN")
            outcome = "failed"
            store("ZADD", "retry", time.time() + 30, payload)
        for key in {"processed", outcome}:
            store("INCR", f"stat:{key}")
            store("INCR", f"stat:{key}:{today}")
        word = "done" if outcome == "processed" else "fail"
        sidekiq(f"{label} elapsed={time.monotonic() - started:.3f}: {word}")


def _resident_kilobytes():
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except OSError:
        return 0
