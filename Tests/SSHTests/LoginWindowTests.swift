import ClientKit
import Foundation
import Testing

@testable import SSH

/// Logins that wait for others.
@Suite(.limitedParallelism) struct LoginWindowTests {
    /// A server whose login shell is not ready before the file `go` is there.
    private func slowServer() async throws -> (TestServer, go: String) {
        let go = FileManager.default.temporaryDirectory.appending(path: "go-\(UUID().uuidString.prefix(8))").path
        let wait = "until [ -e \(go) ]; do sleep 0.05; done"
        return (try await TestServer(["ForceCommand \(wait); eval \"$SSH_ORIGINAL_COMMAND\""]), go)
    }

    /// How many logins have come to the login shell.
    private func shells(_ server: TestServer) throws -> Int {
        try server.log.components(separatedBy: "Starting session:").count - 1
    }

    @Test func thereAreNoMoreLoginsThanTheLimitAndWaitingCostsNobodyTheirTime() async throws {
        let (server, go) = try await slowServer()
        defer { removeFiles(at: URL(filePath: go)) }
        let window = LoginWindow(limit: 2)
        let first = (0..<2).map { _ in
            Task { try await SSHConnection.open(to: server.destination(), window: window) }
        }
        try await eventually("the first two log in") { try shells(server) == 2 }
        // Their limit is long over when it is their turn.
        let others = (0..<3).map { _ in
            Task {
                try await SSHConnection.open(
                    to: server.destination { $0.limits.connect = .seconds(15) }, window: window)
            }
        }
        try await eventually("they are connected") {
            try server.log.components(separatedBy: "Connection from").count == 6
        }
        try await Task.sleep(for: .seconds(15.5))
        #expect(try shells(server) == 2)
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        for login in first + others { await (try login.value).close() }
        #expect(try shells(server) == 5)
    }

    @Test func whoIsSilentHoldsNoPlace() async throws {
        let (server, silent) = (try await TestServer(), try SilentListener())
        let window = LoginWindow(limit: 1)
        let limit = Duration.seconds(12)
        let began = ContinuousClock.now
        let vain = Task {
            try await failure(
                to: server.destination {
                    $0.port = silent.port
                    $0.limits.connect = TimeLimit(limit)
                }, window: window)
        }
        try await Task.sleep(for: .milliseconds(200))
        await (try SSHConnection.open(to: server.destination(), window: window)).close()
        #expect(.now - began < limit)
        let error = try await vain.value
        #expect((error.phase, error.cause) == (.handshake, "no answer within 12 s"))
    }

    @Test func whoIsCancelledWhileWaitingTakesNoPlace() async throws {
        let (server, go) = try await slowServer()
        defer { removeFiles(at: URL(filePath: go)) }
        let window = LoginWindow(limit: 1)
        let first = Task { try await SSHConnection.open(to: server.destination(), window: window) }
        try await eventually("the first logs in") { try shells(server) == 1 }
        let waiting = (0..<3).map { _ in
            Task { try await failure(to: server.destination(), window: window) }
        }
        try await eventually("they are connected") {
            try server.log.components(separatedBy: "Connection from").count == 5
        }
        for login in waiting { login.cancel() }
        for login in waiting {
            let error = try await login.value
            #expect((error.kind, error.cause) == (.failed, "it was cancelled"))
        }
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        await (try first.value).close()
        // The one place is free again.
        await (try SSHConnection.open(to: server.destination(), window: window)).close()
        await (try SSHConnection.open(to: server.destination(), window: window)).close()
    }

    @Test func aLoginThatFailsPassesItsPlaceOn() async throws {
        let (server, broken) = (try await TestServer(), try await TestServer(["MaxSessions 0"]))
        let window = LoginWindow(limit: 1)
        for _ in 0..<2 { _ = try await failure(to: broken.destination(), window: window) }
        _ = try await failure(to: server.destination(knownHosts: ""), window: window)
        await (try SSHConnection.open(to: server.destination(), window: window)).close()
    }
}
