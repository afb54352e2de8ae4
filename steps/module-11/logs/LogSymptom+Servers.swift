import ClientKit
import Redis
import StepKit

extension LogSymptom {
    /// PostgreSQL itself, and the connection to it.
    static let databaseServer = [
        LogSymptom(.databaseFull, [Pattern(["PG::DiskFull", "PG::OutOfMemory"])]) { _, site in
            Cause(
                "PostgreSQL's disk or memory is full (53100, 53200)",
                remedy: site.remedy("free space on the PostgreSQL server, then \(.run)"))
        },
        LogSymptom(.databaseReadOnly, [Pattern(["PG::ReadOnlySqlTransaction", "ActiveRecord::ReadOnlyError"])]) {
            _, site in
            Cause(
                "the PostgreSQL server that the pods reach is read-only (25006): a standby, or a primary that was set so",
                remedy:
                    "make \(site.postgresWords) lead to the primary: check the load balancer's health checks and Patroni"
            )
        },
        LogSymptom(
            .transactionPool,
            [
                Pattern(["PG::DuplicatePstatement", "PG::InvalidSqlStatementName"]),
                Pattern(["PG::ProtocolViolation"], .oneOf(["prepared statement"])),
            ]
        ) { _, site in
            Cause(
                "a pooler in front of PostgreSQL gives each transaction another session, and Chatwoot keeps its "
                    + "prepared statements and the lock of its migrations in one (42P05, 26000)",
                remedy: site.remedy(
                    "set pool_mode = session for \(site.inventory.chatwoot.database) in PgBouncer, or make "
                        + "postgres.hosts in \(site.inventory.path) lead past it, then \(.run)"))
        },
        LogSymptom(.poolTooSmall, [Pattern(["ActiveRecord::ConnectionTimeoutError"])]) { _, site in
            Cause(
                "a process waits for one of its own connections to PostgreSQL: it has more threads than RAILS_MAX_THREADS",
                remedy: "raise RAILS_MAX_THREADS in chatwoot.environment of \(site.inventory.path), or lower "
                    + "SIDEKIQ_CONCURRENCY there")
        },
        LogSymptom(
            .databaseLogin,
            [
                Pattern([
                    "PG::ConnectionBad", "PG::UnableToSend", "PG::InvalidPassword", "PG::InvalidCatalogName",
                    "PG::InvalidAuthorizationSpecification", "PG::TooManyConnections", "PG::AdminShutdown",
                    "PG::CrashShutdown", "PG::CannotConnectNow", "PG::IdleSessionTimeout",
                    "PG::DatabaseDropped",
                    "ActiveRecord::NoDatabaseError", "ActiveRecord::DatabaseConnectionError",
                    "ActiveRecord::ConnectionNotEstablished", "ActiveRecord::ConnectionFailed",
                ])
            ]
        ) { _, site in try await databaseLogin(site) },
    ]

    /// Logs in to PostgreSQL the same way: its answer counts, not Rails' message.
    private static func databaseLogin(_ site: SiteReader) async throws -> Cause {
        if let refused = try await site.refusedUse() { return refused }
        if let closed = try await site.closedWay(to: "PostgreSQL") { return closed }
        return Cause(
            "PostgreSQL refused or closed the pods' connection, but accepts \(site.inventory.chatwoot.databaseUser) from "
                + "the runner with the password of Secret \(ChatwootNames.secret)",
            remedy:
                site.remedy(
                    "if the log names pg_hba.conf, add a line for the pods' addresses there on every PostgreSQL server and "
                        + "reload it; if PostgreSQL was restarted meanwhile, \(.run) again; else look for a firewall or "
                        + "NetworkPolicy between the pods and \(site.postgresWords)"))
    }

    private static let redisAnswers: Set = ["Redis::CommandError", "RedisClient::CommandError"]

    /// Redis, and the connection to it.
    static let redisServer = [
        LogSymptom(
            .redisLogin,
            [
                Pattern(redisAnswers, .redisCode(["WRONGPASS", "NOAUTH", "NOPERM", "DENIED"])),
                // Errors without their own code: no password is set, or the password of a Redis
                // before 6 is wrong.
                Pattern(redisAnswers, .oneOf(["ERR AUTH", "ERR Client sent AUTH", "ERR invalid password"])),
                Pattern(["RedisClient::AuthenticationError", "RedisClient::PermissionError", "Redis::PermissionError"]),
            ]
        ) { _, site in
            if let refused = try await refusedByRedis(site) { return refused }
            return Cause(
                "Redis rejects the pods' user, password or command, but accepts the password of redis.env from the runner",
                remedy:
                    site.remedy(
                        "\(.run(from: PrepareConfig.self)), which gives the pods the password of redis.env; if "
                            + "the log says NOPERM, grant it to the Redis user (ACL SETUSER)"))
        },
        LogSymptom(
            .redisReadOnly,
            [
                Pattern(redisAnswers, .redisCode(["READONLY"])),
                Pattern(["RedisClient::ReadOnlyError", "Redis::ReadOnlyError", "RedisClient::FailoverError"]),
            ]
        ) { _, site in
            Cause(
                "the Redis that the pods reach is a replica, which is read-only",
                remedy:
                    "make \(site.redisWords) lead to the master: check the load balancer's health checks and Sentinel"
            )
        },
        LogSymptom(
            .redisSentinels,
            [
                Pattern(
                    ["NoMethodError"],
                    .oneOf([
                        "undefined method `call' for #<Redis::Client",
                        "undefined method `call' for an instance of Redis::Client",
                        "undefined method 'call' for an instance of Redis::Client",
                    ])),
                Pattern(["ArgumentError"], .oneOf(["RedisClient::SentinelConfig requires either a name or an url"])),
            ]
        ) { _, site in
            Cause(
                "the Redis client in \(site.inventory.chatwoot.image) cannot use Sentinels, as in Chatwoot's own images "
                    + "before redis-client 0.26.4 (chatwoot/chatwoot#13689)",
                remedy: site.remedy(SentinelAdvice.remedy))
        },
        LogSymptom(
            .redisCluster, [Pattern(redisAnswers, .redisCode(["MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN"]))]
        ) { _, site in
            Cause(
                "the Redis that the pods reach belongs to a Redis Cluster, which Chatwoot cannot use",
                remedy: "make \(site.redisWords) lead to a Redis with cluster-enabled no"
            )
        },
        LogSymptom(.redisReplicas, [Pattern(redisAnswers, .redisCode(["NOREPLICAS"]))]) { _, site in
            Cause(
                "Redis refuses to write: fewer replicas are connected than its min-replicas-to-write",
                remedy: site.remedy(
                    "check `INFO replication` on the Redis master and start its replicas again, then \(.run)"))
        },
        LogSymptom(
            .redisFull,
            [
                Pattern(redisAnswers, .redisCode(["OOM", "MISCONF"])),
                Pattern(["RedisClient::OutOfMemoryError", "Redis::OutOfMemoryError"]),
            ]
        ) { _, site in
            Cause(
                "Redis refuses to write: its memory is full (OOM), or it cannot write its snapshot to disk (MISCONF)",
                remedy: site.remedy(
                    "check `INFO memory` and `INFO persistence` on the Redis server, free space there, then "
                        + "\(.run)"))
        },
        LogSymptom(
            .redisUnreachable,
            [
                Pattern(redisAnswers, .redisCode(["LOADING", "MASTERDOWN"])),
                Pattern([
                    "Redis::CannotConnectError", "Redis::BaseConnectionError", "Redis::ConnectionError",
                    "Redis::TimeoutError", "RedisClient::CannotConnectError", "RedisClient::ConnectionError",
                    "RedisClient::TimeoutError", "RedisClient::ConnectTimeoutError", "RedisClient::ReadTimeoutError",
                    "RedisClient::MasterDownError",
                ]),
            ]
        ) { _, site in
            if let refused = try await refusedByRedis(site) { return refused }
            if let closed = try await site.closedWay(to: "Redis") { return closed }
            return Cause(
                "the pods could not reach Redis at \(site.redisWords), which responds to the runner",
                remedy:
                    site.remedy(
                        "if Redis was restarted meanwhile, \(.run) again; else look for a firewall or NetworkPolicy "
                            + "between the pods and Redis"))
        },
    ]

    /// Why Redis does not respond to the runner either; `nil` if it does.
    private static func refusedByRedis(_ site: SiteReader) async throws -> Cause? {
        do {
            try await site.redis().ping()
            return nil
        } catch let error as any ExplainedError {
            return Cause(
                "Redis at \(site.redisWords) fails for the runner too: \(error.cause)", remedy: error.remedy)
        }
    }

    /// The container, its image and its environment.
    static let container = [
        LogSymptom(.memory, [Pattern(["NoMemoryError", "Errno::ENOMEM"])]) { _, site in
            Cause(
                "the process needs more memory than its limit of \(site.inventory.chatwoot.resources.limits.memory)",
                remedy: "raise chatwoot.resources.limits.memory in \(site.inventory.path)")
        },
        LogSymptom(.containerDisk, [Pattern(["Errno::ENOSPC", "Errno::EROFS"])]) { _, _ in
            Cause(
                "a folder of the container cannot be written to: the node's disk is full, or the file system is read-only",
                remedy: "check the disk of the pod's node, and what sets readOnlyRootFilesystem on the pod")
        },
        LogSymptom(.containerRights, [Pattern(["Errno::EACCES", "Errno::EPERM"])]) { _, _ in
            Cause(
                "Chatwoot may not read or write a file of its container: its image has no other user than root",
                remedy: "check runAsUser and runAsNonRoot of the pod, and which admission policy sets them"
            )
        },
        LogSymptom(.wrongPlatform, [Pattern(["Errno::ENOEXEC"])]) { _, site in
            Cause(
                "the image \(site.inventory.chatwoot.image) is for another CPU architecture than the pod's node",
                remedy: "name an image in \(site.inventory.path) that is built for the nodes: "
                    + "kubectl get nodes -L kubernetes.io/arch"
            )
        },
        LogSymptom(
            .imageIncomplete,
            [
                Pattern([
                    "LoadError", "Gem::LoadError", "Gem::MissingSpecError", "Gem::MissingSpecVersionError",
                    "Bundler::GemNotFound", "Bundler::GemfileNotFound", "Bundler::PathError",
                ])
            ]
        ) { _, site in
            Cause(
                "the image \(site.inventory.chatwoot.image) lacks a library that its own code loads",
                remedy: "build the image again, or name another one in \(site.inventory.path)")
        },
        LogSymptom(.valueBreaksFile, [Pattern(["Psych::SyntaxError", "Psych::BadAlias"])]) { _, site in
            Cause(
                "a value of the environment breaks a file that the image reads it into, as a quote does in database.yml",
                remedy: "look for quotes, backslashes, # and : in the passwords and in chatwoot.environment of "
                    + site.inventory.path)
        },
    ]
}
