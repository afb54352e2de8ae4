"""Switches for tests only; every one has the prefix STANDIN_ and is listed in the README beside the image's build."""

import os
import time

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
