"""Connections to PostgreSQL, with Rails' way of naming what went wrong."""

import queue
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import STATUS_READY

from . import settings
from .errors import ConnectionNotEstablished, DatabaseConnectionError, NoDatabaseError, StatementInvalid

# The name the Ruby driver gives each SQLSTATE that Chatwoot's own tasks are known to meet.
_RUBY_NAMES = {"42501": "PG::InsufficientPrivilege", "42P01": "PG::UndefinedTable", "42P07": "PG::DuplicateTable",
               "42710": "PG::DuplicateObject", "42703": "PG::UndefinedColumn", "23505": "PG::UniqueViolation",
               "57014": "PG::QueryCanceled", "40P01": "PG::TRDeadlockDetected", "0A000": "PG::FeatureNotSupported",
               "25006": "PG::ReadOnlySqlTransaction", "42P04": "PG::DuplicateDatabase", "XX000": "PG::InternalError"}


def connect(name="rails", database=None, parameters=None, **more):
    wanted = parameters or settings.database()
    target = database or wanted["database"]
    try:
        connection = psycopg2.connect(
            host=wanted["host"], port=wanted["port"], dbname=target, user=wanted["username"],
            password=wanted["password"], client_encoding="utf8", fallback_application_name=name, **more)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET standard_conforming_strings = on; SET SESSION timezone TO 'UTC'; "
                           "SET client_min_messages TO warning")
            if wanted.get("statement_timeout"):
                cursor.execute("SET SESSION statement_timeout TO %s", (wanted["statement_timeout"],))
    except psycopg2.Error as error:
        raise _login_failure(error, wanted, target) from None
    return connection


def _login_failure(error, wanted, database):
    # Rails judges by the message's words. A refused password names the user, and where user and database share a
    # name that reads like a missing database.
    message = str(error).strip()
    if database == "postgres":
        return ConnectionNotEstablished(message)
    if database and database in message:
        return NoDatabaseError(
            f"We could not find your database: {database}. Which can be found in the database configuration file "
            "located at config/database.yml.\n\nTo resolve this issue:\n\n"
            "- Did you create the database for this app, or delete it? You may need to create your database.\n"
            "- Has the database name changed? Check your database.yml config has the correct database name.\n\n"
            "To create your database, run:\n\n        bin/rails db:create")
    if wanted["username"] and wanted["username"] in message:
        return DatabaseConnectionError(
            f"There is an issue connecting to your database with your username/password, username: "
            f"{wanted['username']}.\n\nPlease check your database configuration to ensure the username/password "
            "are valid.")
    if wanted["host"] and wanted["host"] in message:
        return DatabaseConnectionError(
            f"There is an issue connecting with your hostname: {wanted['host']}.\n\nPlease check your database "
            "configuration and ensure there is a valid connection to your database.")
    return ConnectionNotEstablished(message)


def run(connection, sql, values=None):
    """Runs one statement in a transaction of its own and returns its rows, if it has any."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    except psycopg2.Error as error:
        raise _statement_failure(connection, error) from None


def _statement_failure(connection, error):
    name = _RUBY_NAMES.get(error.pgcode, "PG::ConnectionBad" if connection.closed else "PG::Error")
    return StatementInvalid(f"{name}: {(error.pgerror or str(error)).strip()}")


def table_exists(connection, table):
    return run(connection, "SELECT to_regclass(%s) IS NOT NULL", (f'"{table}"',))[0][0]


@contextmanager
def transaction(connection):
    connection.autocommit = False
    try:
        yield
        connection.commit()
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise
    finally:
        if not connection.closed:
            connection.autocommit = True


class Pool:
    """As many connections as the setting allows, opened when first needed and proved alive whenever handed out."""

    def __init__(self, name, pool_variable="RAILS_MAX_THREADS", pool_default=5, **more):
        self._name, self._more = name, more
        self._parameters = settings.database(pool_variable, pool_default)
        self._free = queue.LifoQueue()
        for _ in range(max(1, int(self._parameters["pool"]))):
            self._free.put(None)

    @contextmanager
    def connection(self):
        try:
            connection = self._free.get(timeout=5)
        except queue.Empty:
            raise ConnectionNotEstablished("could not obtain a connection from the pool within 5.000 seconds") from None
        try:
            if connection is not None and not _alive(connection):
                connection = None
            if connection is None:
                connection = connect(self._name, parameters=self._parameters, **self._more)
            yield connection
        finally:
            self._free.put(connection if connection is not None and not connection.closed
                           and connection.status == STATUS_READY else None)


def _alive(connection):
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except psycopg2.Error:
        try:
            connection.close()
        except psycopg2.Error:
            pass
        return False
