import ClientKit
import Kubernetes
import StepKit

/// Checks for everything that would stop a later step, and returns all problems together.
@Sendable func preflight(_ site: SiteReader) async -> [any ExplainedError] {
    let questions: [@Sendable () async throws -> Void] = [
        { _ = try await site.serverVersion() },
        { try await requireDatabaseRights(site) },
        { _ = try await site.redis() },
        { if site.inventory.redis.sentinel != nil { _ = try await site.redisHost() } },
        {
            try await site.requireImages()
            try await site.warnOfUnseenTag()
        },
        { try requireReadablePasswords(site) },
        { try await requireOneHandOnReplicas(site) },
        { warnOfOtherServers(site) },
        { SentinelAdvice.warn(site) },
    ]
    return await results(of: questions) { try await $0() }.compactMap { result in
        switch result {
        case .success: nil
        case .failure(let error as any ExplainedError): error
        case .failure(let error): StepFailure("run the preflight checks", cause: "\(error)", remedy: "report this")
        }
    }
}

/// Reports the administrator's missing privileges before the nodes' firewalls are changed, not only
/// in the step itself.
private func requireDatabaseRights(_ site: SiteReader) async throws {
    // A database that is about to be renamed is checked by the step that does so.
    guard !site.options.resetsDatabase else {
        _ = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
        return
    }
    var setup = try await DatabaseState.read(site, asksRedis: false).setup
    // Other failures are reported by the step, with its evidence.
    setup.refusals.removeAll { if case .statements = $0.cure { false } else { true } }
    guard setup.refusals.isEmpty else { throw setup.failure(site) }
}

/// Refuses given passwords that Chatwoot would misread, before anything is changed.
private func requireReadablePasswords(_ site: SiteReader) throws {
    let misreadings = [
        site.credentials.redis.password.flatMap(ChatwootPasswordRules.misreadingAsRedisPassword),
        site.credentials.generated[GeneratedFile.chatwootName]?[.databasePassword]
            .flatMap(ChatwootPasswordRules.misreadingAsDatabasePassword),
    ].compactMap { $0 }
    guard let first = misreadings.first else { return }
    throw StepFailure(
        "use the passwords for Chatwoot", cause: misreadings.map(\.reason).joined(separator: "; "),
        remedy: first.remedy, kind: .badInput)
}

/// Refuses autoscalers of Deployments whose number of pods is in the inventory.
private func requireOneHandOnReplicas(_ site: SiteReader) async throws {
    let contradictions = try await Scaling(site).contradictions
    guard contradictions.isEmpty else { throw CombinedFailure("list the autoscalers", contradictions) }
}

/// The inventory takes precedence; a credentials file that names another server is probably from
/// another platform.
private func warnOfOtherServers(_ site: SiteReader) {
    let postgres = site.inventory.postgres
    if let host = site.credentials.postgres.host, !postgres.hosts.contains(host) {
        site.reporter.warns(
            "postgres.env names \(host), the inventory \(postgres.hosts.joined(separator: ", ")): the inventory takes precedence"
        )
    }
    if let host = site.credentials.redis.host, host != site.inventory.redis.host {
        site.reporter.warns(
            "redis.env names \(host), the inventory \(site.inventory.redis.host): the inventory takes precedence")
    }
}
