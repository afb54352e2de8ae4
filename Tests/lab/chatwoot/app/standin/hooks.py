"""Switches for tests only; every one has the prefix STANDIN_ and is listed in the README beside the image's build."""

import base64
import json
import os
import time
import urllib.parse

from .errors import DeliberateFailure


def seconds(name, default):
    return float(os.environ.get("STANDIN_" + name) or default)


def pause(name, default=0.0):
    duration = seconds(name, default)
    if duration > 0:
        time.sleep(duration)


def asked_to_fail(point):
    return point in os.environ.get("STANDIN_FAIL", "").replace(",", " ").split()


def fail_if_asked(point):
    if asked_to_fail(point):
        raise DeliberateFailure(f"STANDIN_FAIL asks for a failure at '{point}'")


def tell_environment():
    """Logs all variables, in the ways in which programs write them."""
    if not os.environ.get("STANDIN_TELL_ENVIRONMENT"):
        return
    values = {name: os.fsencode(value).decode(errors="replace") for name, value in os.environ.items()}
    text = json.dumps(values)
    for form in ("ENV " + " ".join(f"{name}={value}" for name, value in values.items()), repr(values), text,
                 json.dumps(values, ensure_ascii=False), urllib.parse.urlencode(values),
                 urllib.parse.quote(text, safe=""), base64.b64encode(text.encode()).decode(),
                 base64.encodebytes(text.encode()).decode(), text.encode().hex(),
                 json.dumps(text)):
        print(form, flush=True)
