"""Asks a host's first process to start, stop or list services.

    hostctl.py start SOCKET NAME [--user USER] [-- ARGV…]
    hostctl.py stop SOCKET NAME SECONDS SIGNAL
    hostctl.py list SOCKET…
"""
import json
import socket
import sys


def ask(path, request):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(connection.makefile().readline())
    except (OSError, ValueError) as error:
        sys.exit(f"lab: the host behind {path} does not answer: {error}")
    if not reply["ok"]:
        sys.exit(f"lab: {reply['error']}")
    return reply


def start(path, name, *rest):
    request = {"do": "start", "name": name}
    words = list(rest)
    if words[:1] == ["--user"]:
        request["user"] = words[1]
        words = words[2:]
    if words:  # after "--"
        request["argv"] = words[1:]
    ask(path, request)


def stop(path, name, seconds, signal):
    ask(path, {"do": "stop", "name": name, "within": float(seconds), "signal": signal})


def listing(*paths):
    for path in paths:
        for name, service in sorted(ask(path, {"do": "list"})["services"].items()):
            ended = "" if service["exit"] is None else f" (exit {service['exit']})"
            print(name, f"running {service['pid']}" if service["running"] else f"stopped{ended}")


{"start": start, "stop": stop, "list": listing}[sys.argv[1]](*sys.argv[2:])
