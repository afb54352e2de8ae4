import ClientKit
import Postgres
import StepKit

extension EarlierMigrations {
    /// Throws if the database shows a running migration that is unknown to the cluster.
    func requireNoSession() async throws {
        var state: DatabaseState?
        var ends = SeenEnds(patience: .seconds(Self.graceOfPods) + reportLimit.duration)
        let isQuiet = try await poll(within: limits.rollout.duration, every: .seconds(1)) { left in
            let seen = try await DatabaseState.readSessions(reader, isBeforeReset: isBeforeReset)
            state = seen
            guard !seen.migrationSessions.isEmpty else { return true }
            reader.reporter.says(
                "waiting for \(seen.migrationWords): a migration is running on the database", left: left)
            try await endLeftSessions(seen, of: &ends)
            return false
        }
        guard isQuiet else {
            throw StepFailure(
                "check that no migration is running on the database \(reader.inventory.chatwoot.database)",
                host: reader.postgresWords,
                cause: "one is running that is not a Job of the cluster, also after \(limits.rollout.inWords): "
                    + (state?.migrationWords ?? ""),
                remedy:
                    reader.remedy(
                        "let it finish, then \(.resume); if it is known to be dead, terminate its session as the administrator: "
                            + "SELECT pg_terminate_backend(\(state?.migrationSessions.first?.process ?? 0))"))
        }
    }

    /// Terminates the sessions of Jobs whose containers have certainly ended.
    ///
    /// Where the node of a pod loses its network or its power, nobody tells the server or the proxy before it that the
    /// client is gone, and the session may hold the lock of Rails' migrations.
    private func endLeftSessions(_ state: DatabaseState, of ends: inout SeenEnds) async throws {
        let sessions = state.migrationSessions.filter { $0.application.hasPrefix(MigrationSessions.applicationName) }
        guard !sessions.isEmpty else { return }
        let objects = try await objects()
        for session in sessions {
            let end = sight(of: session.application, in: objects).end
            guard ends.isCertain(end, of: session.application, at: .now), let end else { continue }
            guard try await terminate(session, begunBefore: end.time, adminDatabase: state.adminDatabase) else {
                continue
            }
            reader.reporter.says(
                "terminated session \(session.process), which Job \(session.application) left behind when it ended at \(end.time)"
            )
        }
    }

    /// Kubernetes' default, which the Jobs keep.
    private static let graceOfPods = 30

    /// As the administrator, or where that lacks the role's privileges as the role; but a session of the role would block a
    /// reset.
    ///
    /// Without them the administrator may see the session, but neither when it began nor whether it is still that one.
    private func terminate(
        _ session: DatabaseSession, begunBefore end: String, adminDatabase: String
    ) async throws -> Bool {
        let admin = try await site.postgres(.admin(database: adminDatabase))
        do throws(PostgresError) {
            if try await admin.endSession(session, begunBefore: end) { return true }
        } catch {
            guard error.sqlState == "42501" else { throw error }
        }
        guard !isBeforeReset, let password = try await reader.chatwootSecrets().databasePassword else { return false }
        return try await site.postgres(.owner(of: .chatwoot(reader.inventory), password: password))
            .endSession(session, begunBefore: end)
    }
}
