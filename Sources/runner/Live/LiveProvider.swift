import ClientKit
import Engine
import Foundation
import Journal
import SSH
import StepKit

/// The one place where live clients are created: SSH to every node, kubectl over the master in use,
/// PostgreSQL and Redis.
struct LiveProvider: SiteProvider {
    let inventory: Inventory
    let module: StepKit.Module
    let redactor: Redactor
    let passphrase: @Sendable (String) async -> Secret?

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        try inventory.require(module)
        let (credentials, generated) = try await Self.credentials(
            of: inventory, for: [module], redactor: redactor)
        let hosts = LiveHosts(inventory, observer: observer, passphrase: passphrase)
        var connections: [SSHConnection] = []
        var absent: [AbsentNode] = []
        var refusals: [any ExplainedError] = []
        for (host, result) in await hosts.connect(to: inventory.nodes) {
            switch result {
            case .success(let connection): connections.append(connection)
            case .failure(let error) where error.kind == .unreachable:
                absent.append(AbsentNode(name: host.name, failure: error))
            case .failure(let error): refusals.append(error)
            }
        }
        let site = LiveSite(
            inventory: inventory, credentials: credentials, generated: generated, hosts: hosts,
            connections: connections, absent: absent, observer: observer, module: module)
        do {
            // A host whose key is wrong, or that rejects the login, is never skipped.
            guard refusals.isEmpty else {
                throw CombinedFailure("connect to the Kubernetes nodes", refusals.withoutRepetitions)
            }
            try await site.chooseMaster()
            return site
        } catch {
            await site.close()
            throw error
        }
    }

    /// The platform's credentials and those of `modules`; all secrets in them are made known to
    /// `redactor`.
    static func credentials(
        of inventory: Inventory, for modules: [StepKit.Module], redactor: Redactor
    ) async throws -> (Credentials, GeneratedSecretsStore) {
        let directory = CredentialsDirectory(path: inventory.credentials.directory)
        let applications = modules.map { $0.application(inventory) }
        let credentials = try await runBlocking {
            var credentials = try directory.load(for: applications)
            credentials.certificates = try TrustedCertificates(for: inventory)
            return credentials
        }
        for secret in credentials.allSecrets { redactor.add(secret) }
        let refusals = credentials.logins.compactMap(Self.refusal)
        guard refusals.isEmpty else { throw CombinedFailure("read the credentials", refusals) }
        return (
            credentials,
            GeneratedSecretsStore(directory: directory, filed: credentials.generated) { redactor.add($0) }
        )
    }
}

extension LiveProvider {
    /// Makes the secrets known to `redactor` before the first record, which contains the command
    /// line.
    ///
    /// Mistakes in the files, or a missing section of the inventory, are not reported here: the run meets them again, once
    /// it has a record.
    static func learnSecrets(
        of inventory: Inventory, for module: StepKit.Module, redactor: Redactor
    ) async {
        do {
            try inventory.require(module)
            _ = try await credentials(of: inventory, for: [module], redactor: redactor)
        } catch {
            return
        }
    }

    /// Why a password or key must not be used.
    private static func refusal(name: String, secret: Secret) -> (any ExplainedError)? {
        guard let objection = Redactor.objection(to: secret) else { return nil }
        return StepFailure(
            "keep \(name) out of the record", cause: "it \(objection)",
            remedy: "replace it with a longer, preferably generated one, on the server and in the credentials file",
            kind: .badInput)
    }
}

extension Credentials {
    /// The secrets that only we and one service know, each with its name.
    fileprivate var logins: [(name: String, secret: Secret)] {
        [
            ("the password of PostgreSQL's administrator", postgres.password),
            ("the password of Redis", redis.password),
            ("the password of Redis Sentinel", redis.sentinelPassword),
            ("the registry's token", registry.token),
            ("the secret key of the object storage", objectStorage?.secretKey),
        ].compactMap { name, secret in secret.map { (name, $0) } }
    }
}

extension [any ExplainedError] {
    /// The failures without duplicates: that of a jump host affects all hosts behind it.
    var withoutRepetitions: Self {
        var seen: Set<String> = []
        return filter { seen.insert($0.description).inserted }
    }
}
