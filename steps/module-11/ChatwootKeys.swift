import Redis
import StepKit

/// The keys in Redis that belong to a Chatwoot database: its own, and those of its Sidekiq.
///
/// The Redis may be shared: only what is listed here, by name or by Chatwoot's own prefix, is ever
/// removed. Sidekiq's names are the same for every application; another one that is running in the
/// same database is recognised by its heartbeat.
struct ChatwootKeys: Sendable, Hashable {
    /// The existing keys, by kind.
    let groups: [Group]
    /// Running Sidekiq processes that are not Chatwoot's workers.
    let strangers: [String]

    struct Group: Sendable, Hashable {
        let summary: String
        let keys: [String]
        /// Whether new workers would act on them: true for jobs and Chatwoot's own state, not for
        /// heartbeats and counters.
        var hasEffect = true
    }

    var all: [String] { groups.flatMap(\.keys) }

    /// The counts by kind.
    var summary: String {
        groups.filter { !$0.keys.isEmpty }.map { "\($0.keys.count) \($0.summary)" }.joined(separator: ", ")
    }

    /// Chatwoot's prefixes: `alfred` for its own state, `velma` for its request throttling.
    static let prefixes = ["alfred:", "velma:"]
    /// Sidekiq's counters, in total and per day.
    static let counters = ["stat:processed", "stat:failed"]
    /// The queues in Chatwoot's config/sidekiq.yml, which may contain jobs before a worker has
    /// announced them.
    static let queues = [
        "critical", "high", "medium", "default", "mailers", "action_mailbox_routing", "low", "scheduled_jobs",
        "deferred", "purgable", "housekeeping", "async_database_migration", "active_storage_analysis",
        "active_storage_purge", "action_mailbox_incineration", "bulk_reindex_low",
    ]

    /// Finds all keys, with three scans of the key names and single lookups for the rest.
    static func list(_ redis: some RedisReading) async throws -> ChatwootKeys {
        var groups: [Group] = []
        for prefix in prefixes {
            groups.append(Group(summary: "\(prefix)*", keys: try await redis.keys(withPrefix: prefix)))
        }
        let announced = try await redis.members(of: "queues")
        let queues = Set(Self.queues).union(announced).sorted().map { "queue:\($0)" }
        groups.append(Group(summary: "queues of Sidekiq", keys: try await present(queues, in: redis)))
        let lists = ["queues", "retry", "schedule", "dead"]
        groups.append(Group(summary: "of Sidekiq's lists", keys: try await present(lists, in: redis)))
        groups.append(
            Group(
                summary: "of Sidekiq's counters",
                keys: try await redis.keys(withPrefix: "stat:").filter { key in
                    counters.contains { key == $0 || key.hasPrefix("\($0):") }
                }, hasEffect: false))
        let processes = try await redis.members(of: "processes").sorted()
        let own = processes.filter(isWorker)
        let beats = own.flatMap { ["\($0)", "\($0):work", "\($0):workers", "\($0)-signals"] }
        groups.append(
            Group(
                summary: "of Chatwoot's workers", keys: try await present(["processes"] + beats, in: redis),
                hasEffect: false))
        let strangers = try await present(processes.filter { !isWorker($0) }, in: redis)
        return ChatwootKeys(groups: groups, strangers: strangers)
    }

    /// Whether a Sidekiq process, `HOST:PID:NONCE`, is one of the worker Deployment's pods.
    static func isWorker(_ identity: String) -> Bool { identity.hasPrefix("\(ChatwootNames.worker)-") }

    private static func present(_ keys: [String], in redis: some RedisReading) async throws -> [String] {
        var present: [String] = []
        for key in keys where try await redis.exists(key) { present.append(key) }
        return present
    }
}

extension ChatwootKeys {
    /// Refuses to create a database while Redis has the keys of an earlier one, as after a reset
    /// that was killed before it removed them: the new workers would run the old jobs on unrelated
    /// rows.
    static func requireNone(_ site: SiteReader) async throws {
        let all = try await list(site.redis())
        // A worker of an earlier installation may have sent its last heartbeat a moment ago.
        let keys = ChatwootKeys(groups: all.groups.filter(\.hasEffect), strangers: all.strangers)
        guard !keys.all.isEmpty || !keys.strangers.isEmpty else { return }
        let (redis, database) = (site.inventory.redis, site.inventory.chatwoot.database)
        let attempt = "create the database \(database)"
        let others = "use another Redis database for Chatwoot (redis.database in the inventory)"
        if let stranger = keys.strangers.first {
            throw StepFailure(
                attempt, host: site.redisWords,
                cause: "the Sidekiq process \(stranger) is not Chatwoot's and uses the queues that Chatwoot would "
                    + "use in Redis database \(redis.database)",
                remedy: others)
        }
        throw StepFailure(
            attempt, host: site.redisWords,
            cause: "Redis database \(redis.database) contains keys of an earlier Chatwoot database: \(keys.summary); "
                + "Chatwoot's workers would run its jobs on the new one",
            remedy: "\(site.remedy(.runWithNewDatabase)) removes these keys and starts with an empty "
                + "database, also where a reset was interrupted; to keep the earlier data, restore it, or rename its database back, as "
                + "\"\(database)\" first; if the keys are another application's, \(others)")
    }
}
