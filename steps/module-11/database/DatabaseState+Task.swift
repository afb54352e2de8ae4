import Postgres
import StepKit

extension DatabaseState {
    /// What Chatwoot's own task would do with the database, and thus what the step does.
    enum Task: Sendable, Hashable {
        /// No tables: the task loads the schema and seeds it.
        case load
        /// Tables without rows, from a load that was cut off: the task drops them and loads again.
        case loadAgain
        /// The schema is loaded and the seed never finished: the task would skip it, and nobody
        /// could sign up.
        case seed
        /// Schema and seed are there; migrations of a newer image may be missing.
        case keep
        /// The task would destroy data, or expose it to anyone.
        case refuse(DatabaseRefusal)
        /// The database cannot be read yet.
        case unknown
    }

    /// The case that applies; if the task would destroy rows, it is refused.
    var task: Task {
        guard server.database != nil else { return .load }
        guard contents != nil else { return .unknown }
        let isInTheWay = data.contains { path.contains($0.object.schema) }
        if !isLoaded {
            if isInTheWay { return .refuse(wouldBeDropped) }
            return tables.contains { !Self.railsTables.contains($0.object.name) } ? .loadAgain : .load
        }
        guard let migrations else { return .unknown }
        if migrations.count == 0, isInTheWay { return .refuse(wouldBeginAgain) }
        if hasUsers || isOnboarding { return .keep }
        return isInUse ? .refuse(wouldBeAnybodys) : .seed
    }

    /// Whether Chatwoot's tables have rows besides the settings, which the seed writes before anybody can sign up.
    var isInUse: Bool { dataBesideSettings.contains { path.contains($0.object.schema) } }

    private var dataBesideSettings: [RelationFacts] {
        data.filter { !(path.contains($0.object.schema) && $0.object.name == "installation_configs") }
    }

    /// Whether existing data is backed up before the task runs.
    ///
    /// A load does not touch schemas that Chatwoot does not use, but they are backed up too. What a seed that was cut off has
    /// written is nobody's data.
    var savesFirst: Bool {
        task == .keep || !dataBesideSettings.isEmpty || contents?.hasLargeObjects == true
    }

    /// Whether there is a database of which neither login can see the contents, as where it accepts no connections.
    var isUnseen: Bool { server.database != nil && contents == nil }

    /// Why no SECRET_KEY_BASE may be generated for it: it has another one, or may have, which nobody here knows.
    var refusalOfNewKey: DatabaseRefusal? {
        if isUnseen {
            return DatabaseRefusal(
                attempt: "generate SECRET_KEY_BASE",
                cause: "neither \"\(administrator)\" nor \"\(role)\" can see what is in the database \(database): it "
                    + "may be in use with a key that is neither in Secret \(ChatwootNames.secret) nor in "
                    + GeneratedFile.chatwootName,
                cure: .person(
                    "let \"\(administrator)\" connect to it, or write its key into \(GeneratedFile.chatwootName) as "
                        + "SECRET_KEY_BASE=…; then \(.run)"))
        }
        guard isInUse else { return nil }
        // What the task would refuse whatever the key is has another remedy.
        if !isLoaded, case .refuse(let refusal) = task { return refusal }
        return DatabaseRefusal(
            attempt: "generate SECRET_KEY_BASE",
            cause: "the database \(database) is in use (\(dataWords)), and its key is neither in Secret "
                + "\(ChatwootNames.secret) nor in \(GeneratedFile.chatwootName): with another key all sessions end, and "
                + "what Chatwoot has encrypted cannot be read",
            cure: .person(
                "write the key into \(GeneratedFile.chatwootName) as SECRET_KEY_BASE=…, from the machine that installed "
                    + "Chatwoot, a backup of the Secret, or the environment of a pod that still runs; if it is lost for good, "
                    + "write a new one (openssl rand -hex 64); then \(.run)"))
    }

    /// Whether anyone could become administrator on the onboarding page although there are users,
    /// as after a restore.
    var isOpenToStrangers: Bool { task == .keep && hasUsers && isOnboarding }

    /// Whether the image's task has nothing left to do before new code serves, given the record of
    /// earlier runs.
    func isDone(isMigrated: Bool) -> Bool { task == .keep && !isOpenToStrangers && isMigrated }

    /// The failure of a step that has to know what the task would begin from, where ``task`` is unknown.
    func failureToRead(_ site: SiteReader) -> StepFailure {
        let why = if case .refused(let refused) = login { "; \(role) could not log in: \(refused.cause)" } else { "" }
        return StepFailure(
            "read the migrations of database \(database)", host: site.postgresWords,
            cause: "neither \(contents?.reader ?? "the administrator") nor \(role) could read schema_migrations\(why)",
            remedy: site.remedy("let \(role) log in and read that table, then \(.run)"))
    }

    private var wouldBeDropped: DatabaseRefusal {
        let elsewhere = (contents?.relations ?? []).first { $0.object.name == "ar_internal_metadata" }
        let hint =
            elsewhere.map {
                " (there is one in schema \($0.object.schema), which is not in the search_path of \(role))"
            } ?? ""
        return refusal(
            "no ar_internal_metadata\(hint), as after a partial restore: Chatwoot's task would drop all tables",
            "restore the whole backup, ar_internal_metadata included")
    }

    private var wouldBeginAgain: DatabaseRefusal {
        refusal(
            "no migrations in schema_migrations, as after a partial restore: Chatwoot's task would start with the first one, "
                + "on tables that it creates",
            "restore the whole backup, the rows of schema_migrations included")
    }

    private var wouldBeAnybodys: DatabaseRefusal {
        refusal(
            "no users, and Redis has no onboarding key: with the key, the first visitor would become administrator of the existing data",
            "restore the whole backup, the rows of users included; or, if the first visitor may become administrator, set the key: "
                + "redis-cli SET \(ChatwootNames.onboardingKey) true")
    }

    private func refusal(_ cause: String, _ restore: String) -> DatabaseRefusal {
        DatabaseRefusal(
            attempt: "prepare the database \(database)",
            cause: "it has rows in \(data.count) of \(tables.count) tables (\(dataWords)) and \(cause)",
            cure: .person("\(restore); or start over with \(.runWithNewDatabase), which sets it aside and keeps it"))
    }
}

extension DatabaseState {
    /// Why Chatwoot cannot use the database in its present state, and what to do; `nil` if it can.
    ///
    /// `11_ct_00_setup_credentials` is named only if it has something to change and may change it.
    func refusalOfUse(_ attempt: String) -> DatabaseRefusal? {
        let setup = setup
        if let refusal = setup.refusals.first {
            return DatabaseRefusal(attempt: attempt, cause: refusal.cause, cure: refusal.cure)
        }
        guard let first = setup.changes.first(where: { $0.change.isNeededByChatwoot }) else { return nil }
        return DatabaseRefusal(
            attempt: attempt, cause: first.change.missing(in: self), cure: .step(SetupCredentials.id))
    }

    /// Why new code must not use it yet: if the migration step itself would refuse, the reason for
    /// that.
    func notMigrated(_ attempt: String) -> DatabaseRefusal {
        if case .refuse(let refusal) = task { return refusal }
        return DatabaseRefusal(
            attempt: attempt, cause: "the database is not migrated for this image", cure: .step(RunMigrations.id))
    }
}
