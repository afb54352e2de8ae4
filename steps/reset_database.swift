import ClientKit
import Postgres
import Redis
import StepKit

/// Sets the database aside under a name with the date, so that the next steps make a new one.
///
/// Nothing is dropped. The renaming comes last and all at once: where the old database has its new name, everything before
/// it was done, however the run was interrupted.
struct ResetDatabase: StepOnRequest {
    let id: StepID = "reset_database"
    let summary = "only with --reset-database: stops the pods, sets the database aside, removes its keys from Redis"

    func isRequested(by wishes: RunWishes) -> Bool { wishes.resetsDatabase }

    func check(_ site: ReadableSite) async throws -> Finding {
        let (name, aside) = (site.inventory.chatwoot.database, Self.nameAside(site))
        let admin = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
        if try await admin.databaseState(aside) != nil {
            tellTheWayBack(site)
            return .inPlace
        }
        guard try await admin.databaseState(name) != nil else {
            throw StepFailure(
                "set the database \(name) aside", host: site.postgresWords, cause: "there is no such database",
                remedy: "run without --reset-database: the steps make one", kind: .badInput)
        }
        let keys = try await Self.keys(site)
        let running = try await RunningPods(site).deployments()
        var changes: [Change] = []
        if !running.isEmpty { changes.append(Change("scale \(running.joined(separator: " and ")) to 0", .proved)) }
        if !keys.all.isEmpty {
            changes.append(
                Change(
                    "remove the old data's keys from Redis database \(site.inventory.redis.database): \(keys.words)",
                    .unknowable))
        }
        // The time is the run's, which no plan knows.
        let stem = Self.nameAside(name, run: "…")
        changes.append(Change("rename database \"\(name)\" to \"\(stem)\"; nothing is dropped", .predicted))
        return .drifted(changes)
    }

    func apply(_ changes: [Change], to site: WritableSite) async throws {
        let (name, aside) = (site.reading.inventory.chatwoot.database, Self.nameAside(site.reading))
        try await MigrationJob(site).settleEarlier()
        try await RunningPods(site.reading).stop(on: site)
        let admin = try await site.postgres(.admin(database: site.reading.inventory.postgres.adminDatabase))
        try await whenFree(name, admin, site.reading) { true }
        let keys = try await Self.keys(site.reading)
        site.reading.reporter.says("removing from Redis: \(keys.words)")
        try await site.redis().delete(keys.all)
        try await whenFree(name, admin, site.reading) {
            do {
                try await admin.renameDatabase(name, to: aside)
                return true
            } catch let error as PostgresError where error.sqlState == "55006" {
                // Somebody came in at the last moment.
                return false
            }
        }
    }

    func verify(_ site: ReadableSite) async throws {
        let (name, aside) = (site.inventory.chatwoot.database, Self.nameAside(site))
        let admin = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
        let isAside = try await admin.databaseState(aside) != nil
        let isFree = try await admin.databaseState(name) == nil
        let left = try await Self.keys(site).all
        guard isAside, isFree, left.isEmpty else {
            throw StepFailure(
                "prove that the database \(name) was set aside", host: site.postgresWords,
                cause:
                    "\(aside) \(isAside ? "is there" : "is missing"), \(name) \(isFree ? "is free" : "is there again"), "
                    + "\(left.count) of its keys are in Redis",
                remedy: "look for somebody else using them at the same time, then `runner resume`")
        }
        tellTheWayBack(site)
    }

    /// Does `work` once nobody is connected to the database, again while it says that somebody was.
    private func whenFree(
        _ name: String, _ admin: PostgresWriter, _ site: ReadableSite, _ work: () async throws -> Bool
    ) async throws {
        var sessions: [DatabaseSession] = []
        let isDone = try await poll(within: site.inventory.limits.service) { _ in
            sessions = try await admin.sessions(on: name)
            if sessions.isEmpty { return try await work() }
            site.reporter.says("waiting for \(sessions.count) sessions on \(name) to end")
            return false
        }
        guard isDone else {
            throw StepFailure(
                "set the database \(name) aside", host: site.postgresWords,
                cause:
                    "it is in use: \(sessions.map(\.description).joined(separator: "; ")); Chatwoot's pods are stopped",
                remedy: "end these sessions and `runner resume`, or `runner run 11` to start Chatwoot as it was")
        }
    }
}
