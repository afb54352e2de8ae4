import ClientKit
import Engine
import Foundation
import Journal
import SSH
import StepKit

/// The one place where live clients are put together: SSH to every node, kubectl over the master in use, PostgreSQL and Redis.
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
            // A host that is not who it says it is, or does not know us, is never passed over.
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

    /// What the platform's credentials files and those of `modules` say, every secret of them known to `redactor`.
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
        return (
            credentials,
            GeneratedSecretsStore(directory: directory, filed: credentials.generated) { redactor.add($0) }
        )
    }
}

extension [any ExplainedError] {
    /// Each once: what is wrong with a jump host is wrong for all hosts behind it.
    var withoutRepetitions: Self {
        var seen: Set<String> = []
        return filter { seen.insert($0.description).inserted }
    }
}
