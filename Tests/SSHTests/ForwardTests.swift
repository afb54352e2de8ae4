import ClientKit
import Foundation
import Glibc
import SSH
import Testing

@Suite(.limitedParallelism) struct ForwardTests {
    @Test func bytesPassBothWaysAndEndsAreHandedOn() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let target = try EchoServer()
        let bytes = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 17 >> 2) }
        let forward = try await connection.forward(toHost: "127.0.0.1", port: target.port)
        #expect(try await echo(forward.port, bytes) == bytes)
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }

    @Test func onlyOneConnectionIsTaken() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let target = try EchoServer()
        let forward = try await connection.forward(toHost: "127.0.0.1", port: target.port)
        #expect(try await echo(forward.port, [1, 2, 3]) == [1, 2, 3])
        await #expect(throws: (any Error).self) { try await onThread { try ConnectedSocket(port: forward.port) } }
    }

    @Test func forwardsMoveWhileACommandRunsAndWhileNoneDoes() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let target = try EchoServer()
        let first = try await connection.forward(toHost: "127.0.0.1", port: target.port)
        let second = try await connection.forward(toHost: "127.0.0.1", port: target.port)
        // Ends only after the forward has moved.
        async let command = connection.run(meeting(server.path("started"), server.path("moved")))
        #expect(try await echo(first.port, [1]) == [1])
        #expect(FileManager.default.createFile(atPath: server.path("moved"), contents: nil))
        #expect(try await command.exitStatus == 0)
        #expect(try await echo(second.port, [2]) == [2])
    }

    @Test func aTargetThatRefusesIsAnErrorAtOnce() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let port = try TestServer.freePort()
        let error = await #expect(throws: SSHError.self) {
            try await connection.forward(toHost: "127.0.0.1", port: port)
        }
        #expect(error?.phase == .channel)
        #expect(error?.attempt.contains("127.0.0.1:\(port)") == true)
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }

    @Test func aTargetThatNeverAnswersCostsOnlyTheForward() async throws {
        let server = try await TestServer()
        let target = try FullListener()
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.connect = .seconds(8) })
        let error = await #expect(throws: SSHError.self) {
            try await connection.forward(toHost: "127.0.0.1", port: target.port)
        }
        #expect(error?.cause.contains("no answer within") == true)
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }

    @Test func aServerThatForbidsForwardsIsAnError() async throws {
        let server = try await TestServer(["AllowTcpForwarding no"])
        let connection = try await server.connect()
        let error = await #expect(throws: SSHError.self) { try await connection.forward(toHost: "127.0.0.1", port: 9) }
        #expect(error?.remedy.contains("AllowTcpForwarding") == true)
    }

    @Test func aClosedForwardEndsItsConnection() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let target = try EchoServer()
        let forward = try await connection.forward(toHost: "127.0.0.1", port: target.port)
        let socket = try ConnectedSocket(port: forward.port)
        try await onThread { socket.send([1]) }
        #expect(try await onThread { socket.receive(1) } == [1])
        await forward.close()
        #expect(try await onThread { socket.receive(1) } == [])
    }
}
