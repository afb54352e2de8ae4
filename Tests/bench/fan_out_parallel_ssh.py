"""One command on all hosts with parallel-ssh, as its documentation has it: a client for all hosts."""

import json
import sys
from pathlib import Path

from pssh.clients import ParallelSSHClient

plan = json.loads(Path(sys.argv[1]).read_text())
client = ParallelSSHClient(
    plan["addresses"], user=plan["user"], port=plan["port"], pkey=plan["key"], allow_agent=False, identity_auth=False)
answers = {}
for host in client.run_command(plan["command"]):
    answers[host.host] = "\n".join(host.stdout)
    if host.exit_code != 0:
        sys.exit(f"{host.host}: status {host.exit_code}")
print(json.dumps(answers))
