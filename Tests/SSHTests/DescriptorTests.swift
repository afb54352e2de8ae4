import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// What happens when the process has no descriptors left: in a process of its own, for the others need theirs.
@Suite(.limitedParallelism) struct DescriptorTests {
    @Test func withoutDescriptorsConnectingIsAnError() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let server = try await TestServer()
            let (destination, jump) = (try server.destination(), JumpHost(try server.destination()))
            let hoard = Descriptors()
            for left in 0...24 {
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
                // The reserve is for others.
                if left <= 16, errors.contains(where: { $0 == nil }) { exit(3) }
            }
            let connection = try await SSHConnection.open(to: destination, through: jump)
            guard try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0 else { exit(4) }
            server.process.end()
            exit(0)
        }
    }

    /// libdispatch ends the process where it has none left for itself.
    @Test func connectionsLeaveTheLastDescriptorsToOthers() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let server = try await TestServer()
            let destination = try server.destination()
            let hoard = Descriptors()
            hoard.leave(30)
            var open: [SSHConnection] = []
            for _ in 0..<30 {
                do throws(SSHError) {
                    open.append(try await SSHConnection.open(to: destination))
                } catch {
                    guard error.kind == .failed, error.cause == "Too many open files" else {
                        print(error)
                        exit(2)
                    }
                }
            }
            guard !open.isEmpty, open.count < 20 else { exit(3) }
            let others = Descriptors()
            guard others.takeAll() >= 12 else { exit(4) }
            others.releaseAll()
            hoard.releaseAll()
            server.process.end()
            exit(0)
        }
    }

    /// Files are read out of the reserve; where that is used up as well, no key and no host is to blame.
    @Test func filesThatCannotBeOpenedForWantOfDescriptorsAreNamed() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let server = try await TestServer()
            let (known, unread) = (try server.destination(), try server.destination())
            var unreadKey = known
            let key = try String(contentsOfFile: server.userKey, encoding: .utf8)
            unreadKey.identity = .keyFile(try server.write(key, to: "copy"))
            // The thread has its descriptors, and the known hosts are read.
            let connection = try await SSHConnection.open(to: known)
            try await Task.sleep(for: .seconds(2.5))
            await (try SSHConnection.open(to: known)).close()
            let hoard = Descriptors()
            hoard.leave(0)
            let errors = [await errorOfConnecting(to: unread), await errorOfConnecting(to: unreadKey)]
            hoard.releaseAll()
            for (error, attempt) in zip(errors, ["read the known hosts", "use the SSH key \(server.path("copy"))"]) {
                guard let error, error.kind == .failed, error.phase != .hostKey, error.attempt == attempt,
                    error.cause.contains("Too many open files"), error.remedy.contains("ulimit -n")
                else {
                    print(errors)
                    exit(2)
                }
            }
            await connection.close()
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

    /// Takes all there are, and returns how many those were.
    func takeAll() -> Int {
        while case let descriptor = open("/dev/null", O_RDONLY), descriptor >= 0 { taken.append(descriptor) }
        return taken.count
    }

    /// Takes all but `count`.
    func leave(_ count: Int) {
        _ = takeAll()
        for descriptor in taken.suffix(count) { close(descriptor) }
        taken.removeLast(count)
    }

    func releaseAll() {
        for descriptor in taken { close(descriptor) }
        taken = []
    }
}
