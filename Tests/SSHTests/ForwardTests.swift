import ClientKit
import Foundation
import Glibc
import SSH
import Testing

/// Sends back what it gets, for any number of connections.
private final class EchoServer: Sendable {
    let port: UInt16

    init() throws {
        let (listener, port) = try SilentListener.listen()
        self.port = port
        Thread.detachNewThread {
            // Ends with the test process.
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                Thread.detachNewThread {
                    var buffer = [UInt8](repeating: 0, count: 65536)
                    while case let count = recv(socket, &buffer, buffer.count, 0), count > 0 {
                        var sent = 0
                        while sent < count {
                            let taken = buffer.withUnsafeBytes {
                                send(socket, $0.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
                            }
                            guard taken > 0 else { break }
                            sent += taken
                        }
                    }
                    close(socket)
                }
            }
        }
    }
}

/// Runs blocking calls on a thread of their own.
private func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

@Suite struct ForwardTests {
    private func echo(_ port: UInt16, _ bytes: [UInt8]) async throws -> [UInt8] {
        let socket = try ConnectedSocket(port: port)
        async let answer = onThread { socket.receive(bytes.count + 1) }
        try await onThread {
            socket.send(bytes)
            socket.finishSending()
        }
        return try await answer
    }

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
