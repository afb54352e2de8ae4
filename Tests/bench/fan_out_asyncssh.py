"""One command on all hosts with asyncssh, as its documentation has it: `asyncio.gather` over connections."""

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

plan = json.loads(Path(sys.argv[1]).read_text())
key = asyncssh.read_private_key(plan["key"])
known_hosts = asyncssh.read_known_hosts(plan["knownHosts"])


async def ask(address):
    async with asyncssh.connect(
            address, plan["port"], username=plan["user"], client_keys=[key], known_hosts=known_hosts, config=None,
            agent_path=None) as connection:
        done = await connection.run(plan["command"], check=True)
        return address, done.stdout


async def main():
    print(json.dumps(dict(await asyncio.gather(*map(ask, plan["addresses"])))))


asyncio.run(main())
