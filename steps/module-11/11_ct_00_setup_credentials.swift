import ClientKit
import Postgres
import Redis
import StepKit

/// Creates Chatwoot's database, role and extensions, and verifies that PostgreSQL and Redis accept
/// its login.
///
/// The role's password is generated once and never changed again: the old script generated a new
/// one in every run, and every running pod lost its database.
struct SetupCredentials: NamedStep {
    static let id: StepID = "11_ct_00_setup_credentials"
    let summary = "database, role, extensions and generated secrets; PostgreSQL and Redis accept Chatwoot"

    func check(_ site: SiteReader) async throws -> Finding {
        let found = try await site.chatwootSecrets()
        var changes: [Change] = []
        if found.complete == nil {
            changes.append(
                Change(
                    "generate the database password and SECRET_KEY_BASE, once, into chatwoot.env", .predicted, .create,
                    .file(name: "chatwoot.env")))
        } else if !found.fileIsCurrent {
            let change = Change(
                "write the cluster's database password and SECRET_KEY_BASE into chatwoot.env", .predicted, .change,
                .file(name: "chatwoot.env"))
            changes.append(
                change.using(
                    GeneratedSecret.chatwoot.compactMap { kind in found[kind].map { (kind.variable, $0) } }))
        }
        changes += try await databaseChanges(site).map { change in
            guard change.putsPassword, let password = found.databasePassword else { return change }
            return change.using([(nil, password)])
        }
        try await requireRedis(site)
        try await lookAtObjectStorage(site)
        return Finding(changes: changes)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        try await makeVisible(site)
        try await makeReady(site, with: site.ensureChatwootSecrets())
    }

    func verify(_ site: SiteReader) async throws {
        let found = try await site.chatwootSecrets()
        let left = try await databaseChanges(site)
        guard found.complete != nil, left.isEmpty else {
            throw StepFailure(
                "verify Chatwoot's database", host: site.postgresWords,
                cause: "still missing: \(left.map(\.summary).joined(separator: "; "))",
                remedy: "find out who else changes the database at the same time, then run the step again")
        }
    }

    private func requireRedis(_ site: SiteReader) async throws {
        try await site.redis().requireVersion("6.2")
        // Action Cable does not use Sentinels, and works with a replica; pods that do not use them
        // need the master there.
        guard let sentinel = site.inventory.redis.sentinel else { return }
        let host = try await site.redisHost()
        if !sentinel.isForPods { try await host.requireVersion("6.2") }
    }

    private func lookAtObjectStorage(_ site: SiteReader) async throws {
        guard let storage = site.inventory.objectStorage else { return }
        var cause: String?
        if site.credentials.objectStorage == nil {
            cause =
                "minio.env is missing, so Chatwoot stores attachments on its pods' disks, where they are lost with the pod"
        } else {
            let probe = HTTPProbe(url: "\(storage.endpoint)/\(storage.bucket)")
            let answer = try await site.master.fetch([probe], within: site.inventory.limits.service).first
            // For a request without the key, 403 is the right answer; 404 means that there is no
            // such bucket.
            if let answer, answer.status == 0 || answer.status == 404 || answer.status >= 500 {
                cause = "the object storage does not respond at \(probe.url): \(answer.summary)"
            }
        }
        guard let cause else { return }
        guard storage.isRequired else { return site.reporter.warns(cause) }
        throw StepFailure(
            "reach the bucket \(storage.bucket)", host: site.master.name, cause: cause,
            remedy: "start the object storage, or set objectStorage.required to false")
    }
}

extension Change {
    /// Whether it gives a role of PostgreSQL its password.
    fileprivate var putsPassword: Bool {
        guard case .role? = subject else { return false }
        return action == .create || field == "password"
    }
}
