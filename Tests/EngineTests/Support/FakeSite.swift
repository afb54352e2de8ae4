import ClientKit
import Engine
import Journal
import Kubernetes
import Postgres
import Redis
import SSH
import TestSupport
import Testing

@testable import StepKit

/// Connects to nothing: the site belongs to `world`.
struct FakeProvider: SiteProvider {
    let world: World
    let module: StepKit.Module
    let inventory: Inventory
    let leaseDuration: Duration

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        try await world.arrive("open")
        world.observer = observer
        return FakeSite(
            world: world, module: module, inventory: inventory, leaseDuration: leaseDuration)
    }
}

struct FakeSite: OpenSite {
    let world: World
    let module: StepKit.Module
    let inventory: Inventory
    let leaseDuration: Duration

    func site(reporter: Reporter) async -> SiteWriter {
        let shell = ForbiddenShell()
        let writer = ClusterWriter(shell: shell, kubeconfig: inventory.cluster.kubeconfig, requestTimeout: .seconds(15))
        let node = NodeReader(name: shell.hostName, address: "10.0.0.100", shell: shell)
        return SiteWriter(
            reader: SiteReader(
                module: module, inventory: inventory, credentials: .nobodys, cluster: writer.reader, master: node,
                nodes: [node],
                absentNodes: world.absent, services: ForbiddenServices(),
                generated: GeneratedSecretsStore(directory: CredentialsDirectory(path: "/nowhere"), filed: [:]) { _ in
                },
                prefetch: Prefetch(), reporter: reporter),
            cluster: writer)
    }

    func failOver(after error: any ExplainedError, mayReturn: Bool) async throws -> Failover? {
        world.returns.append(mayReturn)
        let isReturn = mayReturn && world.hostsReturn
        return try world.failOver(after: error).map { Failover($0, isReturn: isReturn) }
    }

    func observeLease(for run: String) async throws -> (lastTurn: LeaseTurn?, isHeld: Bool, isThere: Bool) {
        try await world.arrive("observeLease")
        let turn = world.isLeaseThere ? world.lastTurn(besides: run) : nil
        return (turn, world.isLeaseHeld, world.isLeaseThere)
    }

    func takeLease(run: String, step: String?) async throws -> LeaseTaking {
        #expect(RunID(run) != nil)
        world.noteRenewal(at: step)
        try await world.arrive("takeLease")
        try await world.send("create the lease", .change)
        return LeaseTaking(
            takenOverFrom: world.takenOverFrom, duration: leaseDuration, number: world.noteTurn(of: run),
            runBefore: world.leaseBefore?.run, headBefore: world.leaseBefore?.head,
            lastTurn: world.lastTurn(besides: run))
    }

    func witnesses() -> [any HeadWitness] { world.witnesses }

    func renewLease(step: String?, auditHead: String) async throws {
        #expect(AuditHead(auditHead) != nil)
        world.noteRenewal(at: step)
        try await world.arrive("renewLease")
        try await world.send("renew the lease", .change)
    }

    func releaseLease(auditHead: String) async throws {
        #expect(AuditHead(auditHead) != nil)
        #expect(!Task.isCancelled)
        try await world.arrive("releaseLease")
        try await world.send("release the lease", .change)
    }

    func releaseLease(takenFor run: String) async throws {
        #expect(RunID(run) != nil)
        #expect(!Task.isCancelled)
        try await world.arrive("releaseUntold")
        try await world.send("release the lease", .change)
    }

    func close() async {
        do { try await world.arrive("close") } catch { Issue.record("closing failed: \(error)") }
    }
}

extension Credentials {
    /// Credentials that no engine test uses.
    static let nobodys = Credentials(
        postgres: PostgresCredentials(user: "kb_admin", password: Secret("unused"), host: nil, port: nil),
        redis: RedisCredentials(password: Secret("unused"), host: nil, port: nil),
        registry: RegistryCredentials(username: "keybuzz", token: Secret("unused")), objectStorage: nil)
}
