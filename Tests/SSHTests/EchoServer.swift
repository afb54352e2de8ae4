import Foundation
import Glibc

/// Sends back what it gets, for any number of connections.
final class EchoServer: Sendable {
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
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

/// Sends `bytes` to a port of this machine, and returns what comes back until the end.
func echo(_ port: UInt16, _ bytes: [UInt8]) async throws -> [UInt8] {
    let socket = try ConnectedSocket(port: port)
    async let answer = onThread { socket.receive(bytes.count + 1) }
    try await onThread {
        socket.send(bytes)
        socket.finishSending()
    }
    return try await answer
}
