import ClientKit
import Foundation
import SSH
import Testing

/// Forwards to a target that swallows packets, and what goes on beside them.
@Suite(.serialized, .limitedParallelism) struct SilentTargetTests {
    /// Those who need not wait for the silent target are done before its time is over.
    private static let limit = Duration.seconds(20)

    private func connect(
        to server: TestServer, limit: Duration = Self.limit
    ) async throws -> SSHConnection {
        try await SSHConnection.open(
            to: server.destination { $0.limits.connect = TimeLimit(limit, key: "limits.connect") })
    }

    /// Starts a forward that gets no answer, and returns once the server has been asked for it.
    private func silentForward(
        to target: FullListener, of server: TestServer, on connection: SSHConnection
    ) async throws -> Task<SSHError, any Error> {
        let task = Task { try await failure(ofForwardTo: target.port, on: connection) }
        try await eventually("the forward is asked for") {
            try server.log.contains("port \(target.port)")
        }
        return task
    }

    @Test func aLivingTargetIsReachedMeanwhile() async throws {
        let (server, silent) = (try await TestServer(), try FullListener())
        let (connection, living) = (try await connect(to: server), try EchoServer())
        let vain = try await silentForward(to: silent, of: server, on: connection)
        let started = ContinuousClock.now
        for _ in 0..<3 {
            let forward = try await connection.forward(toHost: "127.0.0.1", port: living.port)
            #expect(try await echo(forward.port, [1, 2, 3]) == [1, 2, 3])
        }
        #expect(.now - started < Self.limit)
        let error = try await vain.value
        #expect(error.cause == "no answer within 20 s (limits.connect)")
        #expect(error.remedy.contains("127.0.0.1 is up"))
        // What the server still tries for the target that gave no answer is in nobody's way.
        let forward = try await connection.forward(toHost: "127.0.0.1", port: living.port)
        #expect(try await echo(forward.port, [4]) == [4])
    }

    @Test func severalSilentTargetsTimeOutSideBySide() async throws {
        let (server, living) = (try await TestServer(), try EchoServer())
        let connection = try await connect(to: server)
        let silent = try (0..<6).map { _ in try FullListener() }
        let started = ContinuousClock.now
        var tasks: [Task<SSHError, any Error>] = []
        for target in silent {
            tasks.append(Task { try await failure(ofForwardTo: target.port, on: connection) })
        }
        let forward = try await connection.forward(toHost: "127.0.0.1", port: living.port)
        #expect(try await echo(forward.port, [1]) == [1])
        #expect(.now - started < Self.limit)
        for task in tasks { #expect(try await task.value.cause == "no answer within 20 s (limits.connect)") }
        // One after the other they would take six times as long, and a busy machine takes its time too.
        #expect(.now - started < Self.limit * 4)
        // Sessions that were opened for them are closed again.
        try await eventually("one session is left, or two with the forward") {
            try server.sessions().count <= 2
        }
    }

    @Test func commandsGetNewShellsMeanwhileAndAfterwards() async throws {
        let (server, silent) = (try await TestServer(), try FullListener())
        let connection = try await connect(to: server)
        let vain = try await silentForward(to: silent, of: server, on: connection)
        let started = ContinuousClock.now
        // The only shell there is ends; the next command needs another.
        let killed = try await failure(
            of: RemoteCommand(["sh", "-c", "kill -9 $PPID"], effect: .read), on: connection)
        #expect(killed.kind == .unknownOutcome)
        #expect(try await connection.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        try await meet(["a", "b", "c", "d"].map(server.path), on: connection)
        #expect(.now - started < Self.limit)
        _ = try await vain.value
        try await meet(["e", "f", "g", "h"].map(server.path), on: connection)
    }

    @Test func aCancelledForwardEndsAtOnce() async throws {
        let (server, silent) = (try await TestServer(), try FullListener())
        let connection = try await connect(to: server, limit: .seconds(30))
        let vain = try await silentForward(to: silent, of: server, on: connection)
        let second = Task { try await failure(ofForwardTo: silent.port, on: connection) }
        let cancelled = ContinuousClock.now
        second.cancel()
        vain.cancel()
        #expect(try await second.value.kind == .failed)
        #expect(try await vain.value.kind == .failed)
        #expect(.now - cancelled < .seconds(15))
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }
}

/// Opens a forward that must fail, and returns why.
func failure(ofForwardTo port: UInt16, on connection: SSHConnection) async throws -> SSHError {
    do throws(SSHError) {
        _ = try await connection.forward(toHost: "127.0.0.1", port: port)
    } catch {
        return error
    }
    throw UnexpectedSuccess()
}
