"""Asks a host's first process to start, stop or list services.

    hostctl.py SOCKET start NAME [--user USER] [--env KEY=VALUE]… [-- ARGV…]
    hostctl.py SOCKET stop NAME [SECONDS]
    hostctl.py SOCKET list
"""
import json
import socket
import sys


def request_from(words):
    if words[0] == "list":
        return {"do": "list"}
    request = {"do": words[0], "name": words[1]}
    rest = words[2:]
    if words[0] == "stop":
        return request | ({"within": float(rest[0])} if rest else {})
    while rest:
        word = rest.pop(0)
        if word == "--user":
            request["user"] = rest.pop(0)
        elif word == "--env":
            key, value = rest.pop(0).split("=", 1)
            request.setdefault("env", {})[key] = value
        elif word == "--":
            return request | {"argv": rest}
    return request


def main():
    path, words = sys.argv[1], sys.argv[2:]
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(path)
            connection.sendall(json.dumps(request_from(words)).encode() + b"\n")
            reply = json.loads(connection.makefile().readline())
    except (OSError, ValueError) as error:
        sys.exit(f"lab: the host behind {path} does not answer: {error}")
    if not reply["ok"]:
        sys.exit(f"lab: {reply['error']}")
    if words[0] == "list":
        for name, service in sorted(reply["services"].items()):
            ended = "" if service["exit"] is None else f" (exit {service['exit']})"
            print(name, f"running {service['pid']}" if service["running"] else f"stopped{ended}")


main()
