"""The database tasks: db:chatwoot_prepare and what it is made of."""

import hashlib
import json
import time
import zlib

from psycopg2 import sql as quoting

from . import database, hooks, redis, schema, settings
from .errors import ConcurrentMigrationError, NoDatabaseError, RailsError
from .log import plain

# Names and first values of what an operator may later change on the super admin page.
_CONFIGS = {
    "INSTALLATION_NAME": "Chatwoot", "LOGO": "/brand-assets/logo.svg", "LOGO_THUMBNAIL": "/brand-assets/thumbnail.svg",
    "BRAND_NAME": "Chatwoot", "BRAND_URL": "https://www.chatwoot.com", "WIDGET_BRAND_URL": "https://www.chatwoot.com",
    "TERMS_URL": "https://www.chatwoot.com/terms-of-service", "DISPLAY_MANIFEST": True,
    "PRIVACY_URL": "https://www.chatwoot.com/privacy-policy", "MAILER_INBOUND_EMAIL_DOMAIN": None,
    "MAILER_SUPPORT_EMAIL": None, "CREATE_NEW_ACCOUNT_FROM_DASHBOARD": False, "ENABLE_ACCOUNT_SIGNUP": False,
    "INSTALLATION_PRICING_PLAN": "community", "DIRECT_UPLOADS_ENABLED": False, "API_CHANNEL_NAME": None,
    "HCAPTCHA_SITE_KEY": None, "CHATWOOT_INBOX_TOKEN": None, "DEPLOYMENT_ENV": "self-hosted",
    "ACCOUNT_LEVEL_FEATURE_DEFAULTS": [], "LOGOUT_REDIRECT_LINK": "/app/login", "DISABLE_USER_PROFILE_UPDATE": False,
}

_MIGRATION_LOCK = 2053462845  # Rails' salt for the lock that keeps two migrations apart, in one database


def chatwoot_prepare():
    try:
        connection = database.connect()
        # Only this one table tells the task whether a schema is there: data without it counts for nothing.
        if not database.table_exists(connection, "ar_internal_metadata"):
            load_schema(connection)
            seed(connection)
        migrate(connection)
    except NoDatabaseError:
        setup()


def setup():
    create()
    connection = database.connect()
    load_schema(connection)
    seed(connection)


def create():
    """Makes the missing database, as the role of the application itself."""
    name = settings.database()["database"]
    try:
        connection = database.connect(database="postgres")
        with connection.cursor() as cursor:
            target = quoting.SQL("CREATE DATABASE {} ENCODING = 'unicode'").format(quoting.Identifier(name))
            database.run(connection, target.as_string(cursor))
    except RailsError as error:
        if "PG::DuplicateDatabase" in str(error):
            plain(f"Database '{name}' already exists")
            return
        plain(error)
        plain(f"Couldn't create '{name}' database. Please check your configuration.")
        raise
    plain(f"Created database '{name}'")


def _timed(action, subject, connection, *statements):
    started = time.monotonic()
    plain(f'-- {action}("{subject}")')
    for statement in statements:
        database.run(connection, statement)
    plain(f"   -> {time.monotonic() - started:.4f}s")


def load_schema(connection):
    """Drops and creates every table, each statement for itself: a cut in the middle leaves what is there by then."""
    for name in schema.EXTENSIONS:
        _timed("enable_extension", name, connection, f'CREATE EXTENSION IF NOT EXISTS "{name}"')
    tables = schema.tables()
    began, pace = time.monotonic(), hooks.seconds("SCHEMA_SECONDS", 2) / len(tables)
    for index, (name, statements) in enumerate(tables):
        if index == len(tables) // 2:
            hooks.fail_if_asked("schema")
        _timed("create_table", name, connection, f'DROP TABLE IF EXISTS "{name}" CASCADE', *statements)
        # Held back to the pace of the real one, which leaves a test the time to cut it; a slow server is not held back.
        time.sleep(max(0.0, began + (index + 1) * pace - time.monotonic()))
    for action, name, statement in schema.links():
        _timed(action, name, connection, statement)
    release = settings.version()
    later = [sql for _, _, sql in schema.migrations(release) if sql]
    for statement in later:
        database.run(connection, statement)
    _create_schema_migrations(connection)
    for number, _, _ in schema.migrations(release):
        database.run(connection, 'INSERT INTO "schema_migrations" ("version") VALUES (%s) ON CONFLICT DO NOTHING',
                     (number,))
    hooks.fail_if_asked("metadata")
    _write_metadata(connection)


def _create_schema_migrations(connection):
    database.run(connection, 'CREATE TABLE IF NOT EXISTS "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY)')


def _write_metadata(connection):
    database.run(connection, 'CREATE TABLE IF NOT EXISTS "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, '
                             '"value" varchar, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL)')
    digest = hashlib.sha1(repr(schema.tables()).encode()).hexdigest()
    for key, value in (("environment", settings.environment()), ("schema_sha1", digest)):
        database.run(connection, 'INSERT INTO "ar_internal_metadata" VALUES (%s, %s, now(), now()) '
                                 'ON CONFLICT ("key") DO UPDATE SET "value" = excluded."value"', (key, value))


def seed(connection):
    hooks.pause("SEED_DELAY")
    hooks.fail_if_asked("seed")
    store = redis.connect()
    _clear_cache(store)
    _load_configs(connection, store)
    hooks.pause("SEED_DELAY")
    if settings.environment() == "production":
        # Without this key nobody can create the first account, and nothing but this seed ever sets it.
        store("SET", redis.ONBOARDING, "true")


def _clear_cache(store):
    cursor = "0"
    while True:
        cursor, keys = store("SCAN", cursor, "MATCH", "alfred:*GLOBAL_CONFIG:*", "COUNT", 500)
        if keys:
            store("DEL", *keys)
        if cursor == "0":
            return


def _load_configs(connection, store):
    present = {name for name, in database.run(connection, 'SELECT "name" FROM "installation_configs"')}
    for name, value in _CONFIGS.items():
        if name not in present:
            database.run(connection, 'INSERT INTO "installation_configs" ("name", "serialized_value", "locked", '
                                     '"created_at", "updated_at") VALUES (%s, %s, true, now(), now())',
                         (name, json.dumps({"value": value})))
            store("DEL", f"alfred:v1:GLOBAL_CONFIG:{name}")


def migrate(connection):
    """Runs what is pending. On an empty database that creates the tables too, but never seeds."""
    lock = _MIGRATION_LOCK * zlib.crc32(connection.info.dbname.encode())
    if not database.run(connection, "SELECT pg_try_advisory_lock(%s)", (lock,))[0][0]:
        raise ConcurrentMigrationError("Cannot run migrations because another migration process is currently running.")
    try:
        _create_schema_migrations(connection)
        _run_pending(connection)
    finally:
        if not connection.closed:
            database.run(connection, "SELECT pg_advisory_unlock(%s)", (lock,))
    if database.table_exists(connection, "installation_configs"):
        plain("Loading Installation config")
        _load_configs(connection, redis.connect())


def _run_pending(connection):
    done = {number for number, in database.run(connection, 'SELECT "version" FROM "schema_migrations"')}
    for number, name, statement in schema.migrations(settings.version()):
        if number in done:
            continue
        hooks.fail_if_asked("migrate")
        plain(f"== {number} {name}: migrating ".ljust(79, "="))
        started = time.monotonic()
        hooks.pause("MIGRATION_DELAY")
        with database.transaction(connection):
            if number == schema.FIRST_MIGRATION:
                for table, statements in schema.tables():
                    database.run(connection, f'DROP TABLE IF EXISTS "{table}" CASCADE')
                    for part in statements:
                        database.run(connection, part)
            elif statement:
                database.run(connection, statement)
            database.run(connection, 'INSERT INTO "schema_migrations" ("version") VALUES (%s)', (number,))
        plain(f"== {number} {name}: migrated ({time.monotonic() - started:.4f}s) ".ljust(79, "="))
        plain()
    if not database.table_exists(connection, "ar_internal_metadata"):
        _write_metadata(connection)


TASKS = {
    "db:chatwoot_prepare": chatwoot_prepare,
    "db:migrate": lambda: migrate(database.connect()),
    "db:seed": lambda: seed(database.connect()),
    "db:setup": setup,
    "db:create": create,
    "db:schema:load": lambda: load_schema(database.connect()),
}
