"""First process of one host of the lab: it starts and stops the host's services, and its end is the host's end.

It is process 1 of the host's own process namespace, so whatever a service leaves behind is reaped here, and when
this process is killed the kernel ends everything on the host. Requests come over a socket, one JSON object each:

    {"do": "start", "name": N, "argv": [...], "user": U}   without argv: as it was started last
    {"do": "stop", "name": N, "within": SECONDS, "signal": "SIGTERM"}   the signal, then SIGKILL
    {"do": "list"}
"""
import json
import os
import pwd
import resource
import select
import signal
import socket
import sys
import time

HOST, SOCKET_PATH, LOG_DIRECTORY = sys.argv[1:4]
BASE_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

specifications = {}  # name -> how it was started last
running = {}  # name -> pid
results = {}  # name -> how it ended last


def reap():
    """Collects every ended child: services, and orphans that fell to process 1."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for name, service_pid in list(running.items()):
            if service_pid == pid:
                del running[name]
                results[name] = os.waitstatus_to_exitcode(status)


def launch(specification):
    log = os.open(
        os.path.join(LOG_DIRECTORY, specification["name"] + ".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    pid = os.fork()
    if pid:
        os.close(log)
        return pid
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        environment = dict(BASE_ENVIRONMENT)
        if user := specification.get("user"):
            entry = pwd.getpwnam(user)
            os.initgroups(user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            environment["HOME"] = entry.pw_dir
        os.chdir("/")
        os.execvpe(specification["argv"][0], specification["argv"], environment)
    except BaseException as error:  # the child must not return into the parent's loop
        os.write(2, f"cannot start {specification['argv'][0]}: {error}\n".encode())
    os._exit(127)


def start(request):
    name = request["name"]
    if "argv" in request:
        specifications[name] = request
    if name in running:
        return {"ok": True, "was": "running"}
    if name not in specifications:
        return {"ok": False, "error": f"{name} was never started on {HOST}"}
    results.pop(name, None)
    running[name] = launch(specifications[name])
    return {"ok": True, "was": "stopped"}


def stop(request):
    name = request["name"]
    deadline = time.monotonic() + float(request.get("within", 5))
    was = "running" if name in running else "stopped"
    if name in running:
        os.kill(running[name], signal.Signals[request["signal"]])
    while name in running:
        reap()
        if time.monotonic() > deadline and name in running:
            # The whole session: a server killed hard must not leave its workers behind.
            os.killpg(running[name], signal.SIGKILL)
            deadline = float("inf")
        time.sleep(0.01)
    return {"ok": True, "was": was}


def listing(_request):
    services = {
        name: {"running": name in running, "pid": running.get(name), "exit": results.get(name)}
        for name in specifications
    }
    return {"ok": True, "services": services}


def answer(connection):
    connection.settimeout(10)
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            reap()
            try:
                request = json.loads(line)
                reply = {"start": start, "stop": stop, "list": listing}[request["do"]](request)
            except Exception as error:  # a bad request must not end the host
                reply = {"ok": False, "error": f"{type(error).__name__}: {error}"}
            stream.write(json.dumps(reply).encode() + b"\n")
            stream.flush()


def main():
    # containerd and kubelet ask for many files; a service may raise its own limit up to this one.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o022)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    server = socket.socket(socket.AF_UNIX)
    if os.path.exists(SOCKET_PATH + ".new"):
        os.unlink(SOCKET_PATH + ".new")  # a holder that was killed while it started
    server.bind(SOCKET_PATH + ".new")
    server.listen(64)
    os.rename(SOCKET_PATH + ".new", SOCKET_PATH)
    server.setblocking(False)

    while True:
        ready, _, _ = select.select([server, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
        reap()
        if server in ready:
            try:
                connection, _ = server.accept()
                answer(connection)
            except OSError:
                pass  # the client went away or was too slow; the host goes on


main()
