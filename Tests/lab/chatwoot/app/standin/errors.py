"""Failures under the names Rails gives them, since operators and the runner meet them in logs under these names."""


class RailsError(Exception):
    ruby_name = "StandardError"


class ConfigurationError(RailsError):
    """The application cannot even boot."""

    def __init__(self, ruby_name, message):
        super().__init__(message)
        self.ruby_name = ruby_name


class ConnectionNotEstablished(RailsError):
    ruby_name = "ActiveRecord::ConnectionNotEstablished"


class DatabaseConnectionError(ConnectionNotEstablished):
    ruby_name = "ActiveRecord::DatabaseConnectionError"


class StatementInvalid(RailsError):
    ruby_name = "ActiveRecord::StatementInvalid"


class NoDatabaseError(StatementInvalid):
    ruby_name = "ActiveRecord::NoDatabaseError"


class ConcurrentMigrationError(RailsError):
    ruby_name = "ActiveRecord::ConcurrentMigrationError"


class RedisCannotConnect(RailsError):
    ruby_name = "Redis::CannotConnectError"


class RedisCommandError(RailsError):
    ruby_name = "Redis::CommandError"


class DeliberateFailure(RailsError):
    ruby_name = "Standin::DeliberateFailure"
