import ClientKit
import Engine
import Foundation
import Glibc
import Kubernetes
import Postgres
import Redis
import SSH

@testable import StepKit

struct PlatformProvider: SiteProvider {
    let platform: Platform
    let inventory: Inventory

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        platform.observer.withLock { $0 = observer }
        return PlatformSite(platform: platform, inventory: inventory)
    }
}

/// The platform while it is connected: its lease is a file that names the process.
struct PlatformSite: OpenSite {
    let platform: Platform
    let inventory: Inventory

    func site(reporter: Reporter) async -> SiteWriter {
        let writer = ClusterWriter(shell: NoShell(), kubeconfig: inventory.cluster.kubeconfig)
        let node = NodeReader(name: "k8s-master-01", address: "10.0.0.100", shell: NoShell())
        return SiteWriter(
            reader: SiteReader(
                module: platform.module, inventory: inventory, credentials: Self.credentials, cluster: writer.reader,
                master: node, nodes: [node], absentNodes: [], services: NoServices(),
                generated: GeneratedSecretsStore(
                    directory: CredentialsDirectory(path: "/nowhere"), filed: [:]
                ) { _ in },
                prefetch: Prefetch(), reporter: reporter),
            cluster: writer)
    }

    func failOver(after error: any ExplainedError) async throws -> String? { nil }
    func observeLease() async throws {}
    func witnesses() -> [any HeadWitness] { [] }

    private var lease: URL { URL(filePath: "\(platform.path)/lease") }

    func takeLease(run: String) async throws -> LeaseTaking {
        guard let own = ProcessIdentity.current() else { throw refusal("nobody knows this process") }
        var before: String?
        if platform.has("lease") {
            let text = try String(contentsOf: lease, encoding: .utf8)
            guard ProcessIdentity(text)?.isGone == true else { throw refusal("\(text) holds it") }
            before = text
        }
        try await platform.change("take the lease") {
            try Data(own.description.utf8).write(to: lease, options: .atomic)
        }
        return LeaseTaking(takenOverFrom: before, duration: .seconds(60))
    }

    func renewLease(step: String?, auditHead: String) async throws {}

    func releaseLease(auditHead: String) async throws {
        try await platform.change("release the lease") { try FileManager.default.removeItem(at: lease) }
    }

    func close() async {}

    private func refusal(_ cause: String) -> StepFailure {
        StepFailure("take the lease", cause: cause, remedy: "wait", kind: .busy)
    }
}

extension PlatformSite {
    /// Credentials that no step uses.
    private static let credentials = Credentials(
        postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
        redis: RedisCredentials(password: Secret("unused"), host: nil, port: nil),
        registry: RegistryCredentials(username: "keybuzz", token: Secret("unused")), objectStorage: nil)
}

/// A shell that nobody uses.
private struct NoShell: RemoteShell {
    let hostName = "k8s-master-01"

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        fatalError("a command was run: \(command.arguments)")
    }
}

/// Services that nobody asks.
private struct NoServices: DataServices {
    private var unused: StepFailure { StepFailure("connect", cause: "no step does", remedy: "report this") }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader { throw unused }
    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter { throw unused }
    func redisReader() async throws -> RedisReader { throw unused }
    func redisWriter() async throws -> RedisWriter { throw unused }
    func redisHostReader() async throws -> RedisReader { throw unused }
    func addressAnswers() async -> [ServiceAnswer] { [] }
    func shell(on host: Inventory.Host) async throws -> any RemoteShell { throw unused }
}
