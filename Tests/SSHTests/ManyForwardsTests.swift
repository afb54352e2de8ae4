import ClientKit
import Foundation
import Glibc
import SSH
import Testing

/// Many forwards of one connection, whose ends are not kind to each other.
@Suite(.serialized, .limitedParallelism) struct ManyForwardsTests {
    /// Half of the targets flood clients that read a little and then reset; the others must not notice.
    @Test func floodsAndResetsHarmNoOtherForward() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.connect = .seconds(60) })
        let (flood, echoes) = (try FloodServer(), try EchoServer())
        let bytes = (0..<(256 << 10)).map { UInt8(truncatingIfNeeded: $0 &* 13 >> 3) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<64 {
                group.addTask {
                    let isFlood = number.isMultiple(of: 2)
                    let forward = try await connection.forward(
                        toHost: "127.0.0.1", port: isFlood ? flood.port : echoes.port)
                    guard isFlood else {
                        #expect(try await echo(forward.port, bytes) == bytes)
                        return
                    }
                    let socket = try ConnectedSocket(port: forward.port)
                    // Some end their own side first, and some go away with everything unread.
                    if number.isMultiple(of: 4) { socket.finishSending() }
                    let count = number.isMultiple(of: 6) ? 0 : 3 << 20
                    #expect(try await onThread { socket.receive(count).count } == count)
                    socket.reset()
                }
            }
            try await group.waitForAll()
        }
        try await eventually("no target is flooding any more") { flood.connections == 0 }
        #expect(try await connection.run(RemoteCommand(["echo", "here"], effect: .read)).outputText == "here\n")
        let forward = try await connection.forward(toHost: "127.0.0.1", port: echoes.port)
        #expect(try await echo(forward.port, [1, 2, 3]) == [1, 2, 3])
        await connection.close()
    }

    /// A client that reads nothing holds up its own forward only.
    @Test func aClientThatReadsNothingHoldsUpNobody() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let (flood, echoes) = (try FloodServer(), try EchoServer())
        var stuck: [ConnectedSocket] = []
        for _ in 0..<8 {
            let forward = try await connection.forward(toHost: "127.0.0.1", port: flood.port)
            stuck.append(try ConnectedSocket(port: forward.port))
        }
        let bytes = [UInt8](repeating: 5, count: 4 << 20)
        let forward = try await connection.forward(toHost: "127.0.0.1", port: echoes.port)
        #expect(try await echo(forward.port, bytes) == bytes)
        let cat = RemoteCommand(["cat"], standardInput: bytes, effect: .read)
        #expect(try await connection.run(cat).standardOutput == bytes)
        for socket in stuck { socket.reset() }
        stuck = []
        try await eventually("no target is flooding any more") { flood.connections == 0 }
    }
}

/// Sends without end to whoever connects.
private final class FloodServer: Sendable {
    let port: UInt16
    private let count = Locked(0)

    /// How many connections there are.
    var connections: Int { count.withLock { $0 } }

    init() throws {
        let (listener, port) = try SilentListener.listen(backlog: 128)
        self.port = port
        Thread.detachNewThread { [self] in
            // Ends with the test process.
            while case let socket = accept(listener, nil, nil), socket >= 0 {
                count.withLock { $0 += 1 }
                Thread.detachNewThread { [self] in
                    let bytes = [UInt8](repeating: 9, count: 64 << 10)
                    while send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) > 0 {}
                    close(socket)
                    count.withLock { $0 -= 1 }
                }
            }
        }
    }
}
