import ClientKit
import Postgres
import Redis
import StepKit

/// Renames the database to a name with the date, so that the next steps create a new one.
///
/// Nothing is dropped. Connections are refused first, so that no session can start between the
/// check and the renaming; then the database is renamed, which is atomic; the keys in Redis are
/// removed last, once the database has its new name. If that name exists, everything before was
/// done, however the run was interrupted.
struct ResetDatabase: StepOnRequest, NamedStep {
    static let id: StepID = "reset_database"
    let summary = "only with --reset-database: stops the pods, sets the database aside, removes its keys from Redis"

    func isRequested(by options: RunOptions) -> Bool { options.resetsDatabase }

    func check(_ site: SiteReader) async throws -> Finding {
        let state = try await DatabaseState.readOutside(site)
        let name = state.database
        if let old = state.aside {
            let changes = try await leftChanges(old, in: state, on: site)
            if changes.isEmpty { tellTheWayBack(site) }
            return Finding(changes: changes)
        }
        let keys = try await Self.keys(site)
        try requireRight(state, beside: keys, on: site)
        let running = try await RunningPods(site).deployments()
        var changes: [Change] = []
        if !running.isEmpty { changes.append(Change("scale \(running.joined(separator: " and ")) to 0", .predicted)) }
        guard let database = state.server.database else {
            return Finding(changes: changes + keyChanges(keys, on: site))
        }
        let ending = "end the sessions of \"\(state.role)\""
        changes.append(
            Change(
                database.allowsConnections ? "refuse connections to database \"\(name)\" and \(ending)" : ending,
                .proved))
        // The time is that of the run, which a plan does not know.
        let stem = Self.nameAside(name, run: "…")
        changes.append(Change("rename database \"\(name)\" to \"\(stem)\"; nothing is dropped", .predicted))
        return .drifted(changes + keyChanges(keys, on: site))
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        let state = try await DatabaseState.readOutside(site.reader)
        let aside = Self.nameAside(site.reader)
        if state.aside == nil {
            // Throws before anything is changed if another application's jobs are among them.
            let keys = try await Self.keys(site.reader)
            try requireRight(state, beside: keys, on: site.reader)
            try await MigrationJob(site).settleEarlier()
            try await RunningPods(site.reader).stop(on: site)
            if let database = state.server.database { try await setAside(database, as: aside, on: site) }
        }
        let after = try await DatabaseState.readOutside(site.reader)
        if after.aside != nil {
            try await site.postgres(.admin(database: state.adminDatabase)).allowConnections(true, to: aside)
        }
        // If a database has been created since, the keys belong to that one.
        guard after.server.database == nil else { return }
        let keys = try await Self.keys(site.reader)
        site.reader.reporter.says("removing from Redis: \(keys.summary)")
        try await site.redis().delete(keys.all)
    }

    func verify(_ site: SiteReader) async throws {
        let state = try await DatabaseState.readOutside(site)
        let (name, aside) = (state.database, Self.nameAside(site))
        let isFree = state.server.database == nil
        let left = try await Self.keys(site).all
        // There is no old database if only its keys were left.
        guard state.aside?.allowsConnections != false, isFree, left.isEmpty else {
            let found = state.aside.map { $0.allowsConnections ? "is there" : "accepts no connections" } ?? "is missing"
            throw StepFailure(
                "verify that the database \(name) was set aside", host: site.postgresWords,
                cause: "\(aside) \(found), \(name) \(isFree ? "is free" : "is there again"), "
                    + "\(left.count) of its keys are in Redis",
                remedy: site.remedy("find out who else uses them at the same time, then \(.resume)"))
        }
        if state.aside != nil { tellTheWayBack(site) }
    }

    /// The remaining changes once the old database has its new name.
    private func leftChanges(
        _ old: DatabaseFacts, in state: DatabaseState, on site: SiteReader
    ) async throws -> [Change] {
        let opening =
            old.allowsConnections
            ? [] : [Change("allow connections to database \"\(old.name)\", so that it can be restored", .proved)]
        guard state.server.database == nil else { return opening }
        return opening + keyChanges(try await Self.keys(site), on: site)
    }

    private func keyChanges(_ keys: ChatwootKeys, on site: SiteReader) -> [Change] {
        guard !keys.all.isEmpty else { return [] }
        return [
            Change(
                "remove the old data's keys from Redis database \(site.inventory.redis.database): \(keys.summary)",
                .knownAfterApply)
        ]
    }

    /// Checks, before anything is changed, that there is something to reset, that the administrator
    /// may rename the database, and that the steps after this one may create a new one.
    ///
    /// Without a database, keys in Redis are left from a reset that was killed, or from a database
    /// that somebody dropped; without keys, this run's own reset was killed after removing the last
    /// one.
    private func requireRight(_ state: DatabaseState, beside keys: ChatwootKeys, on site: SiteReader) throws {
        guard Self.hasWork(state, keys: keys, options: site.options) else {
            throw StepFailure(
                "set the database \(state.database) aside", host: site.postgresWords,
                cause: "there is no such database, and no key of it in Redis",
                remedy: "run without --reset-database: the steps create one",
                kind: .badInput)
        }
        var setup = state.afterReset.setup
        let own = Self.refusal(state.server, adminDatabase: state.adminDatabase)
        if let own { setup.refusals.insert(own, at: 0) }
        guard setup.refusals.isEmpty else {
            throw setup.failure(site, of: "reset the database \(state.database)")
        }
    }
}
