"""Writes the lab's credentials: files an operator would have, and the same values where the servers need them.

    credentials.py STATE DATA_ADDRESS

The administrator's password and the registry's token are deliberately hostile to careless quoting. They are fixed,
not random: the lab is no secret, and tests look for these very values.
"""
import os
import shlex
import sys

STATE, DATA_ADDRESS = sys.argv[1:]

HOSTILE = "p'w\"$HOME`id`\\n%s%%d {é}ü—✓ $(x) \\' #!&;|<>*?~[x]^=,"
ADMIN_PASSWORD = (HOSTILE * 5)[:200]
# bcrypt, which guards the registry, reads no more than 72 bytes.
TOKEN = "ghp_'q\"$HOME\\t%20é—`x`$(y) #&;|\\"
REDIS_PASSWORD = "Redis7LabPassword0123456789"

assert len(ADMIN_PASSWORD) == 200 and len(TOKEN.encode()) <= 72


def quoted(value):
    return "'" + value.replace("'", "'\\''") + "'"


def write(path, text, mode=0o600):
    path = os.path.join(STATE, path)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def environment(path, comment, values):
    lines = [f"{key}={quoted(value) if shlex.quote(value) != value else value}" for key, value in values.items()]
    write(path, "\n".join([f"# {comment}", *lines, ""]))


environment("credentials/postgres.env", "administrator of the rehearsal's PostgreSQL", {
    "POSTGRES_HOST": DATA_ADDRESS,
    "POSTGRES_PORT": "5432",
    "POSTGRES_SUPERUSER": "kb_admin",
    "POSTGRES_SUPERPASS": ADMIN_PASSWORD,
})
environment("credentials/redis.env", "Redis of the rehearsal", {
    "REDIS_HOST": DATA_ADDRESS,
    "REDIS_PORT": "6379",
    "REDIS_PASSWORD": REDIS_PASSWORD,
})
environment("credentials/ghcr.env", "the rehearsal's registry", {"GHCR_USERNAME": "keybuzz", "GHCR_TOKEN": TOKEN})

# The same values as bare bytes, for the servers' own set-up.
write("secrets/postgres-admin", ADMIN_PASSWORD)
write("secrets/redis", REDIS_PASSWORD)
write("secrets/registry", TOKEN)
