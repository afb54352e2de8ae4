public import ClientKit
public import Postgres

extension PostgresEndpoint {
    /// The same servers and database, another role.
    public func loggingIn(as user: String, password: Secret) -> PostgresEndpoint {
        var copy = self
        copy.user = user
        copy.password = password
        return copy
    }
}
