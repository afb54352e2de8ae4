"""`rails s`: the pages and probes of the web process."""

import json
import os
import signal
import threading
import time
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import database, hooks, pages, redis, settings
from .errors import ConfigurationError, ConnectionNotEstablished, RailsError, RedisCannotConnect
from .log import plain, rails

PID_FILE = "tmp/pids/server.pid"

# Chatwoot gives a request this long before it breaks it off.
REQUEST_SECONDS = int(os.environ.get("RACK_TIMEOUT_SERVICE_TIMEOUT") or 15)


class Application:
    """What the routes answer, apart from how HTTP carries it."""

    def __init__(self):
        self._pool = database.Pool("puma", connect_timeout=REQUEST_SECONDS, tcp_user_timeout=REQUEST_SECONDS * 1000)
        self._version = settings.version()
        self._frontend = settings.frontend_host()
        self._local = threading.local()

    def answer(self, method, path, host, proto):
        """Returns (controller, status, content type, body, location)."""
        if method in ("GET", "HEAD"):
            if path == "/api":
                return self._api(host)
            if path == "/" or path == "/app" or path.startswith("/app/"):
                return self._dashboard(host, proto)
            if path == "/installation/onboarding":
                return self._onboarding(host, proto)
        return self._not_found()

    def _api(self, host):
        self._look_up_portal(host)
        body = {"version": self._version, "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
                "queue_services": self._queue_status(), "data_services": self._data_status()}
        return "ApiController#index", 200, "application/json; charset=utf-8", json.dumps(body, separators=(",", ":")), None

    def _dashboard(self, host, proto):
        with self._pool.connection() as connection:
            rows = database.run(connection, "SELECT \"serialized_value\"->>'value' FROM \"installation_configs\" "
                                            "WHERE \"name\" = 'INSTALLATION_NAME' ORDER BY \"created_at\" DESC LIMIT 1")
        if self._redis()("GET", redis.ONBOARDING):
            return self._redirect("DashboardController#index", proto, host, "/installation/onboarding")
        self._look_up_portal(host)
        name = rows[0][0] if rows and rows[0][0] else ""
        return "DashboardController#index", 200, "text/html; charset=utf-8", pages.dashboard(name, self._version), None

    def _onboarding(self, host, proto):
        self._look_up_portal(host)
        if not self._redis()("GET", redis.ONBOARDING):
            return self._redirect("Installation::OnboardingController#index", proto, host, "/")
        return ("Installation::OnboardingController#index", 200, "text/html; charset=utf-8",
                pages.onboarding(self._version), None)

    def _not_found(self):
        return None, 404, "text/html; charset=utf-8", pages.error(404, "The page you were looking for doesn't exist"), None

    def _redirect(self, controller, proto, host, path):
        target = f"{proto}://{host}{path}"
        body = f'<html><body>You are being <a href="{target}">redirected</a>.</body></html>'
        return controller, 302, "text/html; charset=utf-8", body, target

    def _look_up_portal(self, host):
        # A foreign host may be a customer's own help centre, which is a question to the database.
        name = host.rsplit(":", 1)[0] if ":" in host and not host.endswith("]") else host
        if name == self._frontend:
            return
        with self._pool.connection() as connection:
            database.run(connection, 'SELECT "id" FROM "portals" WHERE "custom_domain" = %s LIMIT 1', (name,))

    def _redis(self):
        if not hasattr(self._local, "redis"):
            self._local.redis = redis.connect()
        return self._local.redis

    def _queue_status(self):
        client = redis.connect()
        try:
            client("PING")
            return "ok"
        except RedisCannotConnect:
            return "failing"
        finally:
            client.close()

    def _data_status(self):
        # Rails rescues a lost connection here, but not a login refusal that it takes for a missing database.
        try:
            with self._pool.connection():
                return "ok"
        except ConnectionNotEstablished:
            return "failing"


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    block_on_close = False

    def __init__(self, address, application):
        super().__init__(address, Handler)
        self.application = application
        self.draining = False
        self._busy, self._idle = 0, threading.Condition()

    def __enter__(self):
        return self

    def begin(self):
        with self._idle:
            self._busy += 1

    def end(self):
        with self._idle:
            self._busy -= 1
            self._idle.notify_all()

    def wait_for_requests(self, seconds):
        with self._idle:
            return self._idle.wait_for(lambda: self._busy == 0, seconds)

    def handle_error(self, request, client_address):
        """A client that went away is no event."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    disable_nagle_algorithm = True

    def _serve(self):
        self.server.begin()
        try:
            self._read_body()
            if self.path.split("?", 1)[0] != "/api" and hooks.asked_to_fail("page"):
                rails("Standin::DeliberateFailure (STANDIN_FAIL breaks off every page):", "FATAL")
                self.close_connection = True
                return
            self._reply(*self._result())
        finally:
            self.server.end()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _read_body(self):
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                return
            left -= len(chunk)

    def _result(self):
        identifier = self.headers.get("X-Request-ID") or str(uuid.uuid4())
        self._identifier = identifier
        path = self.path.split("?", 1)[0]
        host = self.headers.get("X-Forwarded-Host") or self.headers.get("Host") or "localhost"
        proto = self.headers.get("X-Forwarded-Proto") or "http"
        client = (self.headers.get("X-Forwarded-For") or self.client_address[0]).split(",")[0]
        tag, started = f"[{identifier}] ", time.monotonic()
        if settings.force_ssl() and proto != "https":
            name = host.rsplit(":", 1)[0]
            return 301 if self.command in ("GET", "HEAD") else 307, "text/html", "", f"https://{name}{self.path}"
        rails(f'{tag}Started {self.command} "{path}" for {client} at '
              f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} +0000')
        try:
            controller, status, kind, body, location = self.server.application.answer(self.command, path, host, proto)
        except RailsError as error:
            rails(f"{tag}Completed 500 Internal Server Error in {self._spent(started)}ms")
            rails(f"{tag}\n{tag}{error.ruby_name} ({error}):", "FATAL")
            return 500, "text/html; charset=utf-8", pages.error(500, "We're sorry, but something went wrong"), None
        if controller is None:
            rails(f'{tag}\n{tag}ActionController::RoutingError (No route matches [{self.command}] "{path}"):', "FATAL")
        else:
            rails(f"{tag}Processing by {controller} as {'HTML' if 'html' in kind else '*/*'}")
            rails(f"{tag}Completed {status} {self.responses[status][0]} in {self._spent(started)}ms")
        return status, kind, body, location

    @staticmethod
    def _spent(started):
        return round((time.monotonic() - started) * 1000)

    def _reply(self, status, kind, body, location):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Request-Id", self._identifier)
        self.send_header("X-Standin", "rehearsal, not Chatwoot")
        if location:
            self.send_header("Location", location)
        if self.server.draining:
            self.send_header("Connection", "close")
        self._headers_buffer.append(b"\r\n" + (b"" if self.command == "HEAD" else data))
        self.flush_headers()

    def log_message(self, format, *args):  # the access line is written in Rails' shape instead
        pass


def serve(port, address):
    plain("=> Booting Puma (stand-in of the rehearsal cluster, not Chatwoot)")
    plain(f"=> Rails application starting in {settings.environment()}")
    _claim_pid_file()
    hooks.pause("BOOT_DELAY")
    hooks.fail_if_asked("web")
    _try_cable()
    server = Server((address, port), Application())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    plain(f"Puma starting in single mode...\n*  Max threads: {os.environ.get('RAILS_MAX_THREADS', '5')}\n"
          f"*  Environment: {settings.environment()}\n*          PID: {os.getpid()}\n"
          f"* Listening on http://{address}:{port}\nUse Ctrl-C to stop")
    stop.wait()
    _drain(server)
    return 0


def _drain(server):
    # Whoever routes requests here learns of the end only a moment after the signal, so the door stays open that long.
    plain("- Gracefully stopping, waiting for requests to finish")
    server.draining = True
    time.sleep(hooks.seconds("LINGER", 2))
    server.shutdown()
    server.socket.close()
    server.wait_for_requests(20)
    _remove_pid_file()
    plain(f"=== puma shutdown: {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} +0000 ===\n- Goodbye!")


def _claim_pid_file():
    try:
        os.makedirs(os.path.dirname(PID_FILE), exist_ok=True)
        if _alive_in(PID_FILE):
            plain(f"A server is already running. Check {settings.ROOT}/{PID_FILE}.")
            raise SystemExit(1)
        with open(PID_FILE, "w", encoding="ascii") as file:
            file.write(str(os.getpid()))
    except OSError as error:
        raise ConfigurationError(
            "Errno::" + {13: "EACCES", 30: "EROFS"}.get(error.errno, "EIO"),
            f"{error.strerror} @ rb_sysopen - {settings.ROOT}/{PID_FILE}") from None


def _alive_in(path):
    # In a container every server is process 1, so a pid file that outlived its container always looks alive.
    try:
        with open(path, encoding="ascii") as file:
            number = int(file.read().strip() or 0)
        if number == 0:
            return False
        os.kill(number, 0)
        return True
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True


def _remove_pid_file():
    try:
        os.unlink(PID_FILE)
    except OSError:
        pass


def _try_cable():
    # The websocket has a configuration of its own; when its password was misread, pages work and live updates do not.
    try:
        client = redis.connect_cable()
        client("PING")
        client.close()
    except RailsError as error:
        rails(f"Action Cable cannot reach Redis as config/cable.yml says: {error.ruby_name} ({error})", "ERROR")
