import ClientKit
import DataServers
import Foundation
import Kubernetes
import SSH
import Testing

extension ServerTests {
    /// The Lease, while a command of an earlier run goes on on the master and holds the lock there.
    @Suite struct LeaseBesideOrphanTests {
        private let server: APIServer
        private let sshd: SSHServer

        init() throws {
            server = try #require(APIServer.current)
            sshd = try SSHServer()
        }

        private func path(_ name: String) -> String { sshd.directory.appending(path: name).path }

        private func connect() async throws -> SSHConnection {
            var limits = SSHDestination.Limits()
            limits.lock = .seconds(1)
            return try await SSHConnection.open(
                to: SSHDestination(
                    name: "k8s-master-01", address: "127.0.0.1", port: sshd.port, user: NSUserName(),
                    identity: .keyFile(sshd.userKey), knownHosts: [sshd.knownHosts], limits: limits,
                    lockFile: path("lock")))
        }

        /// Leaves a command running whose client is gone, until the file `go` is there.
        private func leaveOrphan() async throws {
            let connection = try await connect()
            let script = "touch $0.begun; until [ -e $0.go ] || [ ! -e $0.begun ]; do sleep 0.1; done"
            let orphan = Task {
                try await connection.run(RemoteCommand(["sh", "-c", script, path("orphan")], effect: .change))
            }
            let deadline = ContinuousClock.now + .seconds(30)
            while !FileManager.default.fileExists(atPath: path("orphan.begun")) {
                try #require(.now < deadline)
                try await Task.sleep(for: .milliseconds(10))
            }
            await connection.close()
            await #expect(throws: SSHError.self) { try await orphan.value }
        }

        @Test func itIsTakenRenewedAndReleasedWithoutWaitingForIt() async throws {
            defer { sshd.stop() }
            try await leaveOrphan()
            let connection = try await connect()
            let writer = ClusterWriter(
                shell: connection, kubeconfig: server.kubeconfig, requestTimeout: .seconds(15))
            let held = try await writer.acquireLease(ofModule: "orphan", holder: "root@install-01", runID: "a")
            let renewed = try await writer.renew(held, auditHead: "sha256:1")
            #expect(renewed.record.auditHead == "sha256:1")
            try await writer.release(renewed)
            #expect(try await writer.reader.lease(ofModule: "orphan")?.holder == nil)

            // The lock is held: any other change waits for it.
            let busy = await #expect(throws: KubernetesError.self) {
                try await writer.scale(["web"], namespace: "default", to: 0)
            }
            #expect(busy?.kind == .busy, "\(String(describing: busy))")
            #expect(FileManager.default.createFile(atPath: path("orphan.go"), contents: nil))
            await connection.close()
        }
    }
}
