"""The API server: lists once, then watches, so that an idle controller costs nothing."""

import base64
import http.client
import json
import os
import socket
import ssl
import tempfile
import threading
import time
from urllib.parse import urlencode, urlsplit

import yaml

from .log import say


class Gone(Exception):
    """The watch cannot continue from the version it knows; the objects have to be listed again."""


class Kubeconfig:
    """How to reach the API server: what the file's current context says. JSON is YAML too, so either form will do."""

    def __init__(self, path):
        self._path, self._read_at = path, None
        self._lock = threading.Lock()

    def open(self, timeout):
        with self._lock:
            self._read_if_changed()
            server, context = self._server, self._context
        if server.scheme == "https":
            return http.client.HTTPSConnection(server.hostname, server.port or 443, timeout=timeout, context=context)
        return http.client.HTTPConnection(server.hostname, server.port or 80, timeout=timeout)

    def headers(self):
        return {"Accept": "application/json", **({"Authorization": f"Bearer {self._token}"} if self._token else {})}

    def _read_if_changed(self):
        changed = os.stat(self._path).st_mtime_ns
        if changed == self._read_at:
            return
        try:
            with open(self._path, encoding="utf-8") as file:
                config = yaml.safe_load(file)
            context = _named(config, "context", config["current-context"])
            cluster, user = _named(config, "cluster", context["cluster"]), _named(config, "user", context["user"])
            self._server, self._token = urlsplit(cluster["server"]), user.get("token")
            self._context = _tls(cluster, user) if self._server.scheme == "https" else None
        except (yaml.YAMLError, StopIteration, LookupError, TypeError, AttributeError) as error:
            raise OSError(f"{self._path} is not a usable kubeconfig: {type(error).__name__}") from None
        self._read_at = changed


def _named(config, kind, name):
    return next(entry[kind] for entry in config[kind + "s"] if entry["name"] == name)


def _tls(cluster, user):
    context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif cluster.get("certificate-authority-data"):
        context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    elif cluster.get("certificate-authority"):
        context.load_verify_locations(cluster["certificate-authority"])
    if user.get("client-certificate-data"):
        # Python takes a client's key from a file only.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    elif user.get("client-certificate"):
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    return context


class Follower(threading.Thread):
    """Keeps one kind of object as the API server has it, and calls back whenever something relevant changed."""

    def __init__(self, kubeconfig, path, essence, changed, stopping):
        super().__init__(daemon=True, name=path)
        self._kubeconfig, self._path, self._essence = kubeconfig, path, essence
        self._changed, self._stopping = changed, stopping
        self._objects, self._lock = None, threading.Lock()

    def objects(self):
        """What is known now, or None as long as the API server has never answered."""
        with self._lock:
            return None if self._objects is None else dict(self._objects)

    def run(self):
        version, pause, reachable = None, 0.5, True
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                version = self._list() if version is None else version
                if not reachable:
                    say(f"{self._path}: the API server answers again")
                reachable, pause = True, 0.5
                version = self._watch(version)
            except Gone:
                version = None
            except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
                if reachable:
                    say(f"{self._path}: {type(error).__name__}: {error}; the last configuration stays in force")
                reachable = False
                # A server that came back may have another history, so the next attempt begins with a list.
                version = None
                self._stopping.wait(pause)
                pause = min(pause * 2, 5)
            if time.monotonic() - began < 0.2:
                self._stopping.wait(0.2)

    def _list(self):
        connection = self._kubeconfig.open(timeout=10)
        try:
            answer = json.loads(self._request(connection, {}).read())
        finally:
            connection.close()
        found = {}
        for item in answer.get("items") or []:
            found[_key(item)] = self._essence(item)
        self._replace(found)
        return answer["metadata"]["resourceVersion"]

    def _watch(self, version):
        connection = self._kubeconfig.open(timeout=10)
        try:
            response = self._request(connection, {"watch": 1, "resourceVersion": version, "allowWatchBookmarks": "true",
                                                  "timeoutSeconds": 600})
            _notice_death(connection.sock or response.fp.raw._sock)
            while line := response.readline():
                event = json.loads(line)
                kind, item = event["type"], event["object"]
                if kind == "ERROR":
                    raise Gone()
                version = item["metadata"]["resourceVersion"]
                if kind in ("ADDED", "MODIFIED"):
                    self._put(_key(item), self._essence(item))
                elif kind == "DELETED":
                    self._put(_key(item), None)
            return version
        finally:
            connection.close()

    def _request(self, connection, query):
        connection.request("GET", f"{self._path}?{urlencode(query)}", headers=self._kubeconfig.headers())
        response = connection.getresponse()
        if response.status == 410:
            raise Gone()
        if response.status != 200:
            raise http.client.HTTPException(f"the API server answers {response.status} {response.reason}")
        return response

    def _replace(self, found):
        with self._lock:
            same = found == self._objects
            self._objects = found
        if not same:
            self._changed()

    def _put(self, key, essence):
        with self._lock:
            if self._objects.get(key) == essence:
                return
            if essence is None:
                del self._objects[key]
            else:
                self._objects[key] = essence
        self._changed()


def _key(item):
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _notice_death(connection):
    # A watch may rightly be silent for minutes; only the kernel can tell that from a peer that lost its power.
    connection.settimeout(700)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
