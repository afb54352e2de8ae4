"""The commands as operations, and what they said into the folder of the inventory's data."""

import json
from pathlib import Path

from pyinfra import host
from pyinfra.operations import python, server

results = [server.shell(name=command, commands=[command]) for command in host.data.bench_commands]


def record():
    said = [result.stdout for result in results]
    Path(host.data.bench_record, f"{host.name}.json").write_text(json.dumps(said))


python.call(name="record", function=record)
