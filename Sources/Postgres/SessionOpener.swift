import ClientKit

/// What the first query on a new connection returned.
struct Session: Sendable {
    let place: String
    let serverVersion: Int
    let isPooled: Bool
    /// Whether the server itself refuses every change on this session.
    let isReadOnly: Bool
    /// The server's clock, in seconds since 1970, and what it is called in ``ClientKit/PeerClocks``: a load balancer has
    /// several servers at one address.
    let clock: String
    let clockName: String
}

/// Tries an endpoint's hosts one after another until one is suitable.
///
/// libpq could try a list of hosts itself, but without a deadline for each, and without reporting
/// how each of them failed.
struct SessionOpener {
    let endpoint: PostgresEndpoint
    let access: PostgresConnection.Access
    let attempt: String
    /// The advisory lock that the session has as long as it lasts; `nil` for none.
    let presence: Int64?

    func open() throws(PostgresError) -> (handle: LibPQHandle, session: Session) {
        var failures: [PostgresError] = []
        for host in endpoint.hosts {
            let addresses: [String]
            do throws(LookUpFailure) {
                addresses =
                    if let address = host.dialAddress { [address] } else {
                        try numericAddresses(of: host.name, within: endpoint.connectTimeout)
                    }
            } catch {
                let failure = LoginFailure.noAddress(error).explained(attempt: attempt, endpoint: endpoint, host: host)
                guard failure.allowsAnotherHost else { throw failure }
                failures.append(failure)
                continue
            }
            for address in addresses {
                do throws(PostgresError) {
                    return try open(host, at: address, until: .now + endpoint.connectTimeout.duration)
                } catch {
                    // Another server would reject the password too, and trying them all could lock
                    // the account.
                    guard error.allowsAnotherHost else { throw error }
                    failures.append(error)
                }
            }
        }
        throw summary(of: failures)
    }

    private func open(
        _ host: PostgresEndpoint.Host, at address: String, until deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> (handle: LibPQHandle, session: Session) {
        let place = endpoint.place(host)
        let handle: LibPQHandle
        do throws(LoginFailure) {
            handle = try LibPQHandle(parameters: endpoint.parameters(host: host, address: address), deadline: deadline)
        } catch {
            if case .tls(let text) = error {
                // A tunnel serves one connection, and libpq has used it up; see
                // `tlsCause(through:)`.
                let probe = TLSProbe(endpoint: endpoint, host: host, address: address)
                let finding = host.dialPort == nil ? probe.finding(until: .now + endpoint.connectTimeout.duration) : nil
                throw PostgresError(tls: text, finding, attempt: attempt, endpoint: endpoint, host: host)
            }
            throw error.explained(attempt: attempt, endpoint: endpoint, host: host)
        }
        let reply: Reply
        do throws(StatementFailure) {
            reply = try handle.run(Self.introduction, with: settings(backendPID: handle.backendPID), until: deadline)
        } catch {
            throw Statement(reading: Self.introduction).error(
                error, attempt: attempt, host: place, within: endpoint.connectTimeout)
        }
        return (handle, try session(from: PostgresRow.rows(of: reply, place: place), of: host))
    }

    /// Identifies the server, and sets the session's limits if there is no pooler in between.
    ///
    /// Behind a pooler (the backend that answers is not the one that libpq reports), a setting
    /// would stay on a server connection that others use next, so nothing is set there.
    private static let introduction = """
        SELECT pg_backend_pid() <> $1::int AS pooled, current_setting('server_version_num')::int AS version, \
        pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only, \
        CASE WHEN current_setting('transaction_read_only') = 'on' THEN (SELECT source \
        FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only') END AS read_only_source, \
        CASE WHEN pg_backend_pid() = $1::int THEN set_config('statement_timeout', $2, false) END AS statement_limit, \
        CASE WHEN pg_backend_pid() = $1::int AND $3 = 'on' \
        THEN set_config('default_transaction_read_only', 'on', false) END AS read_only_session, \
        CASE WHEN pg_backend_pid() = $1::int AND current_setting('server_version_num')::int >= 140000 \
        THEN set_config('client_connection_check_interval', '1000', false) END AS notices_our_death, \
        CASE WHEN pg_backend_pid() = $1::int AND $4::bigint IS NOT NULL \
        THEN pg_try_advisory_lock_shared($4::bigint) END AS presence, extract(epoch FROM clock_timestamp()) AS clock, \
        coalesce(inet_server_addr() || ':' || inet_server_port(), '') AS address
        """

    private func settings(backendPID: Int32) -> [String?] {
        let milliseconds = max(1, Int(endpoint.statementTimeout.duration / .milliseconds(1)))
        let isReadOnly = access == .reading ? "on" : "off"
        return [String(backendPID), String(milliseconds), isReadOnly, presence.map { String($0) }]
    }

    private func session(
        from rows: [PostgresRow], of host: PostgresEndpoint.Host
    ) throws(PostgresError) -> Session {
        let place = endpoint.place(host)
        guard let row = rows.first else {
            throw LoginFailure.notPostgres("no answer").explained(attempt: attempt, endpoint: endpoint, host: host)
        }
        let isPooled: Bool = try row.value("pooled")
        if endpoint.requiresWritable, try row.value("read_only") {
            let readOnly = ReadOnlyPlace(
                isStandby: try row.value("standby"), source: try row.optional("read_only_source"))
            throw PostgresError(readOnly, attempt: attempt, endpoint: endpoint, host: host)
        }
        return Session(
            place: place, serverVersion: try row.value("version"), isPooled: isPooled,
            isReadOnly: access == .reading && !isPooled, clock: try row.value("clock"),
            clockName: "PostgreSQL \(host.name):\(host.port) \(try row.value("address") as String)")
    }

    private func summary(of failures: [PostgresError]) -> PostgresError {
        guard let last = failures.last else {
            return PostgresError(invalid: "no host is specified", attempt: attempt)
        }
        if failures.count == 1 { return last }
        return PostgresError(
            last.reason, attempt: attempt, host: failures.compactMap(\.host).joined(separator: ", "),
            cause: failures.map { "\($0.host ?? ""): \($0.cause)" }.joined(separator: "; "), remedy: last.remedy,
            kind: last.kind, message: last.message, detail: last.detail, hint: last.hint)
    }
}

extension PostgresError {
    /// Whether another host of the same service may accept the login where this one does not.
    public var allowsAnotherHost: Bool {
        switch reason {
        case .interrupted, .invalidInput: false
        case .server: kind == .unreachable
        default: true
        }
    }
}

extension LoginFailure {
    fileprivate func explained(
        attempt: String, endpoint: PostgresEndpoint, host: PostgresEndpoint.Host
    ) -> PostgresError {
        explained(attempt: attempt, place: endpoint.place(host), within: endpoint.connectTimeout)
    }

    fileprivate func explained(attempt: String, place: String, within limit: TimeLimit) -> PostgresError {
        func error(
            _ reason: PostgresError.Reason, cause: String, remedy: String,
            kind: FailureKind = .unreachable
        ) -> PostgresError {
            PostgresError(reason, attempt: attempt, host: place, cause: cause, remedy: remedy, kind: kind)
        }
        switch self {
        case .server(let answer):
            return PostgresError(answer, attempt: attempt, host: place)
        case .noAddress(let failure):
            return error(
                failure == .interrupted ? .interrupted : .nameNotFound, cause: failure.cause,
                remedy: failure.remedy, kind: failure.kind)
        case .cannotConnect(let text):
            return error(
                .cannotConnect, cause: text,
                remedy:
                    "check that PostgreSQL (or the load balancer before it) listens there, and that no firewall is in the way"
            )
        case .deadline:
            return error(
                .connectDeadline, cause: "no login within \(limit.inWords)",
                remedy: "check firewalls and routes to this address, and whether the server is overloaded")
        case .closedBeforeLogin(let text):
            return error(
                .closedBeforeLogin, cause: "the connection was accepted and closed at once: \(text)",
                remedy:
                    "check PostgreSQL behind the load balancer, and its health checks: it closes connections like this when no server is healthy"
            )
        case .tls(let text):
            return error(
                .tls, cause: text,
                remedy: "check sslmode and root certificate in the inventory against the server's certificate",
                kind: .refused)
        case .notPostgres(let text):
            return error(
                .notPostgres, cause: text, remedy: "check the port: something other than PostgreSQL answers there",
                kind: .failed)
        case .interrupted:
            return error(
                .interrupted, cause: "interrupted while connecting", remedy: "resume when ready", kind: .failed)
        }
    }
}
