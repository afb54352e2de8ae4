"""Log lines in the shape Rails and Sidekiq give them."""

import os
import sys
import threading
from datetime import datetime, timezone


def _now():
    return datetime.now(timezone.utc)


def plain(text=""):
    print(text, flush=True)


def _rails_stream():
    # Without RAILS_LOG_TO_STDOUT the application logs to a file in the pod, where kubectl logs never sees it.
    value = os.environ.get("RAILS_LOG_TO_STDOUT")
    if value is None or as_boolean(value):
        return sys.stdout
    os.makedirs("log", exist_ok=True)
    return open(f"log/{os.environ.get('RAILS_ENV', 'development')}.log", "a", encoding="utf-8")


_stream = None
_lock = threading.Lock()


def rails(text, level="INFO"):
    global _stream
    stamp = _now().strftime("%Y-%m-%dT%H:%M:%S.%f")
    with _lock:
        if _stream is None:
            _stream = _rails_stream()
        _stream.write(f"{level[0]}, [{stamp} #{os.getpid()}] {level:>5} -- : {text}\n")
        _stream.flush()


def sidekiq(text, level="INFO"):
    now = _now()
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
    plain(f"{stamp} pid={os.getpid()} tid={threading.get_native_id() % 46656:x} {level}: {text}")


def as_boolean(text):
    """Rails' own reading: anything but these words is true."""
    return text is not None and text.strip() not in ("", "0", "f", "F", "false", "FALSE", "off", "OFF")
