import ClientKit
import Foundation
import SSH
import Synchronization
import Testing

/// What is told of servers that end a connection, a login, or an opening, without a reason of their own.
@Suite(.limitedParallelism) struct TurnedAwayTests {
    /// A server with as many connections that are not logged in as it allows.
    private func fullServer(_ option: String) async throws -> (TestServer, ConnectedSocket) {
        let server = try await TestServer([option])
        let blocker = try ConnectedSocket(port: server.port)
        try await eventually("the place is taken") { try server.log.contains("Connection from") }
        return (server, blocker)
    }

    @Test(arguments: ["MaxStartups 1:100:1", "PerSourceMaxStartups 1"])
    func aServerThatIsFullIsNamedAndNotTakenForSilent(option: String) async throws {
        let (server, blocker) = try await fullServer(option)
        // Over before the tries are: it is not the limit that is told.
        let error = try await failure(to: server.destination { $0.limits.connect = .seconds(2) })
        #expect((error.phase, error.kind) == (.handshake, .unreachable))
        #expect(error.cause.contains("the server closed the connection after saying \"Exceeded MaxStartups\""))
        #expect(error.cause.contains("times in succession"))
        #expect(error.remedy.contains("MaxStartups"))
        #expect(error.remedy.contains("PerSourcePenalties"))
        #expect(try server.log.contains("drop connection"))
        withExtendedLifetime(blocker) {}
    }

    @Test func aConnectionThatIsResetIsTriedAgainAndNamed() async throws {
        let server = try await TestServer()
        let listener = try ResettingListener()
        let error = try await failure(
            to: server.destination {
                $0.port = listener.port
                $0.limits.connect = .seconds(2)
            })
        #expect((error.phase, error.kind) == (.handshake, .unreachable))
        #expect(error.cause.contains("times in succession"))
        #expect(error.remedy.contains("MaxStartups"))
    }

    @Test func whoIsCancelledBetweenTwoTriesIsToldSo() async throws {
        let (server, blocker) = try await fullServer("MaxStartups 1:100:1")
        let task = Task { try await failure(to: server.destination { $0.limits.connect = .seconds(60) }) }
        try await eventually("it is tried again") {
            try server.log.components(separatedBy: "drop connection").count > 2
        }
        let cancelled = ContinuousClock.now
        task.cancel()
        let error = try await task.value
        #expect(error.kind == .failed)
        #expect(error.cause == "it was cancelled")
        #expect(.now - cancelled < .seconds(10))
        withExtendedLifetime(blocker) {}
    }

    @Test func whoIsCancelledWhileConnectingIsToldSo() async throws {
        let server = try await TestServer()
        let silent = try FullListener()
        let destination = try server.destination {
            $0.port = silent.port
            $0.limits.connect = .seconds(60)
        }
        let task = Task { try await failure(to: destination) }
        try await Task.sleep(for: .milliseconds(300))
        let cancelled = ContinuousClock.now
        task.cancel()
        let error = try await task.value
        #expect((error.phase, error.kind, error.cause) == (.connect, .failed, "it was cancelled"))
        #expect(!error.remedy.contains("firewall"))
        #expect(.now - cancelled < .seconds(10))
    }

    @Test(arguments: [
        ("AllowTcpForwarding no", "AllowTcpForwarding"), ("PermitOpen 127.0.0.1:1", "PermitOpen"),
        ("DisableForwarding yes", "DisableForwarding"),
    ])
    func aRefusedForwardIsNotTakenForTooManySessions(option: String, named: String) async throws {
        let server = try await TestServer([option])
        let connection = try await server.connect()
        let target = try EchoServer()
        let error = await #expect(throws: SSHError.self) {
            try await connection.forward(toHost: "127.0.0.1", port: target.port)
        }
        #expect((error?.phase, error?.kind) == (.channel, .failed))
        #expect(error?.cause == "the server does not permit it")
        #expect(error?.remedy.contains(named) == true)
        #expect(error?.description.contains("MaxSessions") == false)
        // Nor does it cost the commands their shells.
        try await meet(["a", "b", "c"].map(server.path), on: connection)
    }

    @Test func aServerWithoutSessionsIsNamed() async throws {
        let server = try await TestServer(["MaxSessions 0"])
        let error = try await failure(to: server.destination())
        #expect((error.phase, error.kind) == (.channel, .failed))
        #expect(error.remedy.contains("MaxSessions"))
        #expect(try server.log.contains("no more sessions"))
    }
}
