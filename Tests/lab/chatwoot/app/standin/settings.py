"""What the environment says, read the way Chatwoot reads it: through YAML templates, with their misreadings."""

import os
import re
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

import yaml

from .errors import ConfigurationError

ROOT = "/app"

# The values stand in double quotes: a quote ends them early and a backslash starts an escape sequence.
DATABASE_YML = """\
{environment}:
  adapter: postgresql
  encoding: unicode
  host: {host}
  port: {port}
  pool: {pool}
  variables:
    statement_timeout: {statement_timeout}
  database: "{database}"
  username: "{username}"
  password: "{password}"
"""

# Here nothing is quoted, so YAML decides what the password means: a comment, an alias, an octal number, a boolean.
CABLE_YML = """\
{environment}:
  adapter: redis
  url: {url}
  password: {password}
  channel_prefix: "chatwoot_{environment}_action_cable"
"""


def environment():
    return os.environ.get("RAILS_ENV", "development")


def version():
    with open(os.path.join(ROOT, "VERSION_CW"), encoding="ascii") as file:
        return file.read().strip()


def frontend_host():
    """The host of FRONTEND_URL; None when it lacks its scheme, which makes every request look like a foreign domain."""
    return urlsplit(os.environ.get("FRONTEND_URL", "")).hostname


def force_ssl():
    from .log import as_boolean
    return as_boolean(os.environ.get("FORCE_SSL", "false"))


def _parse(file_name, text):
    try:
        section = yaml.safe_load(text)[environment()]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        # The message of the real one quotes no value either: only what the parser disliked, and where.
        raise ConfigurationError(
            "RuntimeError",
            f"YAML syntax error occurred while parsing {ROOT}/config/{file_name}. Please note that YAML must be "
            f"consistently indented using spaces. Tabs are not allowed. Error: "
            f"({ROOT}/config/{file_name}): {getattr(error, 'problem', 'not valid')}{place}") from None
    return section


def database(pool_variable="RAILS_MAX_THREADS", pool_default=5):
    env = os.environ
    short = {"production": ("chatwoot_production", "chatwoot_prod", "chatwoot_prod")}.get(
        environment(), ("chatwoot_dev", "postgres", "password"))
    section = _parse("database.yml", DATABASE_YML.format(
        environment=environment(),
        host=env.get("POSTGRES_HOST", "localhost"),
        port=env.get("POSTGRES_PORT", "5432"),
        pool=env.get(pool_variable, pool_default),
        statement_timeout=env.get("POSTGRES_STATEMENT_TIMEOUT", "14s"),
        database=env.get("POSTGRES_DATABASE", short[0]),
        username=env.get("POSTGRES_USERNAME", short[1]),
        password=env.get("POSTGRES_PASSWORD", short[2])))
    section["statement_timeout"] = (section.pop("variables") or {}).get("statement_timeout")
    if env.get("DATABASE_URL"):
        section.update(_from_database_url(env["DATABASE_URL"]))
    return {name: None if value is None else str(value) for name, value in section.items()}


def _from_database_url(url):
    parts = urlsplit(url)
    found = {"host": parts.hostname, "port": parts.port, "database": unquote(parts.path.lstrip("/")),
             "username": parts.username and unquote(parts.username),
             "password": parts.password and unquote(parts.password)}
    found.update(parse_qsl(parts.query))
    return {name: value for name, value in found.items() if value}


def _blank_is_none(text):
    return text if text and text.strip() else None


def redis():
    """Where Sidekiq and the `alfred` keys live. REDIS_HOST and REDIS_PORT are not looked at."""
    return _redis(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
                  _blank_is_none(os.environ.get("REDIS_PASSWORD")), sentinels=True)


def _cable_section():
    return _parse("cable.yml", CABLE_YML.format(
        environment=environment(),
        url=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
        password=_blank_is_none(os.environ.get("REDIS_PASSWORD")) or ""))


def cable():
    """Where the websocket's messages pass. Its password has been through unquoted YAML."""
    section = _cable_section()
    password = section.get("password")
    if isinstance(password, bool) or not isinstance(password, (str, int, float, type(None))):
        # Ruby's client takes text and numbers only. It notices when it first connects, not at boot.
        raise ConfigurationError("TypeError", f"Unsupported command argument type: {type(password).__name__}")
    return _redis(str(section.get("url")), None if password is None else str(password))


_USER_INFO = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*")


def _redis(url, password, sentinels=False):
    match = re.fullmatch(r"(rediss?)://(?:(.*)@)?(\[[^\]]*\]|[^:/?#@\[\]]*)(?::(\d+))?(?:/(\d*))?", url, re.S)
    if not match or not _USER_INFO.fullmatch(match[2] or ""):
        # Ruby would print the whole URL; the password in it is nobody's business.
        raise ConfigurationError("URI::InvalidURIError", "bad URI (is not URI?): REDIS_URL")
    name, _, secret = (match[2] or "").partition(":")
    options = {"host": (match[3] or "127.0.0.1").strip("[]"), "port": int(match[4] or 6379), "db": int(match[5] or 0),
               "tls": match[1] == "rediss", "username": unquote_plus(name) or None,
               "password": password if password is not None else unquote_plus(secret) or None, "sentinels": None}
    names = _blank_is_none(os.environ.get("REDIS_SENTINELS")) if sentinels else None
    return _behind_sentinels(names, password) if names else options


def _behind_sentinels(names, password):
    """The master's name takes the place of the URL's host: what else the URL says is not looked at."""
    hosts = []
    for item in names.split(","):
        host, _, port = item.strip().partition(":")
        hosts.append((host, int(port or 26379)))
    options = _redis("redis://" + os.environ.get("REDIS_SENTINEL_MASTER_NAME", "mymaster"), password)
    # Empty is none, and only a variable that is missing means the password of Redis.
    secret = _blank_is_none(os.environ.get("REDIS_SENTINEL_PASSWORD", password))
    return options | {"sentinels": {"hosts": hosts, "master": options["host"], "password": secret}}


def check_boot():
    """What stops every process of the application, whatever it was started for."""
    if not _blank_is_none(os.environ.get("SECRET_KEY_BASE")):
        raise ConfigurationError(
            "ArgumentError", f"Missing `secret_key_base` for '{environment()}' environment, set this string with "
                             "`bin/rails credentials:edit`")
    storage = os.environ.get("ACTIVE_STORAGE_SERVICE", "local")
    known = ("local", "test", "google", "amazon", "microsoft", "s3_compatible")
    if storage not in known:
        raise ConfigurationError("KeyError", f"Missing configuration for the {storage} Active Storage service. "
                                             f"Configurations available for {', '.join(known)}")
    database()
    redis()
    _cable_section()
