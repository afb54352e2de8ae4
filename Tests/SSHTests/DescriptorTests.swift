import ClientKit
import Foundation
import Glibc
import SSH
import Testing

/// What happens when the process has no descriptors left: in a process of its own, for the others need theirs.
@Suite struct DescriptorTests {
    @Test func withoutDescriptorsConnectingIsAnError() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let server = try await TestServer()
            let (destination, jump) = (try server.destination(), JumpHost(try server.destination()))
            let hoard = Descriptors()
            for left in 0...8 {
                hoard.leave(left)
                let errors = [
                    await errorOfConnecting(to: destination),
                    await errorOfConnecting(to: destination, through: jump),
                ]
                hoard.releaseAll()
                for error in errors.compactMap(\.self) where !error.description.contains("open files") {
                    print("with \(left) descriptors left: \(error)")
                    exit(2)
                }
                // One is not enough for anything, whoever asks.
                if left < 2, errors.contains(where: { $0 == nil }) { exit(3) }
            }
            let connection = try await SSHConnection.open(to: destination, through: jump)
            guard try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0 else { exit(4) }
            server.process.end()
            exit(0)
        }
    }

    @Test func aForwardThatCannotAcceptEndsAndDoesNotSpin() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let server = try await TestServer()
            let connection = try await server.connect()
            let forward = try await connection.forward(toHost: "127.0.0.1", port: server.port)
            let hoard = Descriptors()
            hoard.leave(1)
            // Takes the last one, so that there is none to accept it with.
            let socket = try ConnectedSocket(port: forward.port)
            let before = clock()
            let ended = try await onThread { socket.receive(1).isEmpty }
            try await Task.sleep(for: .seconds(1))
            let used = Double(clock() - before) / 1_000_000
            hoard.releaseAll()
            guard ended else { exit(2) }
            guard used < 0.5 else {
                print("used \(used) s of a processor")
                exit(3)
            }
            server.process.end()
            exit(0)
        }
    }
}

/// Why a connection is not opened; nil where it is.
private func errorOfConnecting(to destination: SSHDestination, through: JumpHost? = nil) async -> SSHError? {
    do throws(SSHError) {
        await (try SSHConnection.open(to: destination, through: through)).close()
        return nil
    } catch {
        return error
    }
}

/// All the descriptors that the process may still have.
private final class Descriptors {
    private var taken: [Int32] = []

    /// Takes all but `count`.
    func leave(_ count: Int) {
        while case let descriptor = open("/dev/null", O_RDONLY), descriptor >= 0 { taken.append(descriptor) }
        for descriptor in taken.suffix(count) { close(descriptor) }
        taken.removeLast(count)
    }

    func releaseAll() {
        for descriptor in taken { close(descriptor) }
        taken = []
    }
}
