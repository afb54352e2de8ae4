"""Writes what each task said on each host into the file that BENCH_RECORD names, so that it can be compared."""

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: stdout
short_description: what each task said, as JSON
description: For make bench.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "record"

    def __init__(self):
        super().__init__()
        self.said = {}

    def v2_runner_on_ok(self, result):
        self.said.setdefault(result._host.get_name(), []).append(result._result["stdout"])

    def v2_playbook_on_stats(self, stats):
        with open(os.environ["BENCH_RECORD"], "w") as file:
            json.dump(self.said, file)
