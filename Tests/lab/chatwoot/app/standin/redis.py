"""The few words of Redis' protocol that the stand-in speaks."""

import os
import socket

from . import settings
from .errors import RedisCannotConnect, RedisCommandError

ONBOARDING = "alfred:CHATWOOT_INSTALLATION_ONBOARDING"


class Redis:
    """One connection, opened at the first command and again after any failure."""

    def __init__(self, options, timeout=1.0):
        self._options, self._timeout = options, timeout
        self._socket = self._file = None

    def __call__(self, *command, timeout=None):
        fresh = self._socket is None
        try:
            return self._exchange(command, timeout)
        except OSError as error:
            self.close()
            if fresh:
                raise RedisCannotConnect(self._describe(error)) from None
        # A kept connection may have died while idle: that says nothing about the server now.
        try:
            return self._exchange(command, timeout)
        except OSError as error:
            self.close()
            raise RedisCannotConnect(self._describe(error)) from None

    def close(self):
        for thing in (self._file, self._socket):
            if thing is not None:
                try:
                    thing.close()
                except OSError:
                    pass
        self._socket = self._file = None

    def server_version(self):
        for line in self("INFO", "server").splitlines():
            if line.startswith("redis_version:"):
                return line.partition(":")[2].strip()
        return "0"

    def _exchange(self, command, timeout):
        if self._socket is None:
            self._open()
        self._socket.settimeout(self._timeout if timeout is None else timeout + self._timeout)
        return self._send(command)

    def _open(self):
        options = self._options
        host, port = self._master() if options["sentinels"] else (options["host"], options["port"])
        connection = socket.create_connection((host, port), timeout=self._timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options["tls"]:
            connection = _wrap(connection, host)
        self._socket, self._file = connection, connection.makefile("rb")
        try:
            if options["password"] is not None:
                name = [options["username"]] if options["username"] else []
                self._send(["AUTH", *name, options["password"]])
            if options["db"]:
                self._send(["SELECT", options["db"]])
        except RedisCommandError as error:
            self.close()
            # A refused password is a failure to connect; a missing one only shows at the first command.
            if str(error).startswith("WRONGPASS") or "AUTH" in str(error):
                raise RedisCannotConnect(str(error)) from None
            raise

    def _master(self):
        for host, port in self._options["sentinels"]["hosts"]:
            sentinel = Redis({"host": host, "port": port, "db": 0, "tls": False, "username": None, "sentinels": None,
                              "password": self._options["sentinels"]["password"]}, self._timeout)
            try:
                found = sentinel("SENTINEL", "get-master-addr-by-name", self._options["sentinels"]["master"])
            except (RedisCannotConnect, RedisCommandError):
                continue
            finally:
                sentinel.close()
            if found:
                return found[0], int(found[1])
        raise OSError("No sentinels available")

    def _send(self, command):
        parts = [str(part).encode("utf-8", "surrogateescape") for part in command]
        self._socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        return self._reply()

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("connection closed by the server")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisCommandError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        return rest.decode("utf-8", "replace")

    def _describe(self, error):
        target = "{host}:{port}".format(**self._options)
        reason = "Connection timed out" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return f"{reason} (redis://{target})"


def _wrap(connection, host):
    import ssl
    context = ssl.create_default_context()
    if os.environ.get("REDIS_OPENSSL_VERIFY_MODE") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


def connect(timeout=1.0):
    return Redis(settings.redis(), timeout)


def connect_cable():
    return Redis(settings.cable())
