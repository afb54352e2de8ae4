import ClientKit

extension PostgresConnection {
    /// `name` quoted for this server; throws if PostgreSQL would truncate it.
    func identifier(_ name: String) throws(PostgresError) -> String {
        let attempt = "name an object of PostgreSQL"
        guard !name.isEmpty, name.utf8.count <= 63, !name.utf8.contains(0) else {
            throw PostgresError(
                invalid: "the name \(name.debugDescription) is empty, longer than 63 bytes, or contains a NUL byte",
                attempt: attempt, host: place, remedy: "choose a name of 1 to 63 bytes")
        }
        return try quoted(attempt) { $0.quotedIdentifier(name) }
    }

    /// `text` as a literal for this server.
    func literal(_ text: String) throws(PostgresError) -> String {
        try quoted("quote a value for PostgreSQL") { $0.quotedLiteral(text) }
    }

    /// The SCRAM verifier of `password`, which must itself be kept secret.
    func verifier(of password: Secret, role: String) throws(PostgresError) -> String {
        let attempt = "prepare the password of role \(role)"
        guard !password.isEmpty, !password.reveal().utf8.contains(0) else {
            throw PostgresError(
                invalid: "the password is empty or contains a NUL byte", attempt: attempt, host: place,
                remedy: "choose another password")
        }
        return try quoted(attempt) { $0.scramVerifier(for: password.reveal(), role: role) }
    }

    private func quoted(
        _ attempt: String, body: (LibPQHandle) -> String?
    ) throws(PostgresError) -> String {
        let closed = Statement(reading: "").error(
            .notSent("the connection is closed"), host: place, within: endpoint.statementTimeout)
        guard let handle else { throw closed }
        guard let text = body(handle) else {
            throw PostgresError(invalid: handle.errorText, attempt: attempt, host: place)
        }
        return text
    }
}
