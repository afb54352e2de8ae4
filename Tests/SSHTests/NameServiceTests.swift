import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// Names, as a process sees them whose `/etc/hosts` and `/etc/resolv.conf` are the test's.
@Suite(.limitedParallelism) struct NameServiceTests {
    private static let isInside = getenv("SSH_TESTS_NAMESPACE") != nil
    private static let silentServer = "127.9.9.9"

    /// Runs the tests whose names begin with `inside` in a mount namespace.
    @Test(.enabled(if: !isInside)) func namesInANamespaceOfTheirOwn() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "names-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { removeFiles(at: folder) }
        func write(_ text: String, _ name: String) throws {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        try write("127.0.0.1 localhost two.test\n127.77.0.1 two.test\n", "hosts")
        try write("nameserver \(Self.silentServer)\noptions timeout:10 attempts:2\n", "resolv.conf")
        let silent = try SilentNameServer(address: Self.silentServer)
        defer { silent.close() }
        let script = """
            mount --bind "$0/hosts" /etc/hosts && mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$@"
            """
        let child = try ChildProcess(
            "/usr/bin/unshare",
            [
                "-m", "sh", "-c", script, folder.path, CommandLine.arguments[0], "--testing-library", "swift-testing",
                "--filter", "NameServiceTests/inside",
            ], environment: ProcessInfo.processInfo.environment.merging(["SSH_TESTS_NAMESPACE": "1"]) { $1 })
        let status = await child.wait()
        let text = try child.output
        #expect(status == 0, "\(text)")
        #expect(text.contains("Test run with 3 tests"), "\(text)")
    }

    @Test(.enabled(if: isInside)) func insideASilentNameServerCostsTheLimit() async throws {
        let server = try await TestServer()
        let destination = try server.destination {
            $0.address = "master.test"
            $0.limits.connect = TimeLimit(.seconds(2), key: "limits.connect")
        }
        let started = ContinuousClock.now
        let error = try await failure(to: destination)
        #expect(.now - started < .seconds(9))
        #expect((error.phase, error.kind) == (.connect, .unreachable))
        #expect(error.cause == "no answer from the name service within 2 s (limits.connect)")
    }

    @Test(.enabled(if: isInside)) func insideACancelledLookUpEndsAtOnce() async throws {
        let server = try await TestServer()
        let destination = try server.destination { $0.address = "master.test" }
        let task = Task { try await failure(to: destination) }
        try await Task.sleep(for: .milliseconds(300))
        let cancelled = ContinuousClock.now
        task.cancel()
        #expect(try await task.value.kind == .failed)
        #expect(.now - cancelled < .seconds(15))
    }

    @Test(.enabled(if: isInside)) func insideAnAddressThatDoesNotAnswerHoldsUpNoOther() async throws {
        let server = try await TestServer(address: "127.77.0.1")
        // The system's order begins with this address, which is nearer.
        let silent = try FullListener(port: server.port)
        let destination = try server.destination(
            knownHosts: "[two.test]:\(server.port) \(server.hostKeyLine())\n"
        ) {
            $0.address = "two.test"
            $0.limits.connect = .seconds(10)
        }
        let started = ContinuousClock.now
        let connection = try await SSHConnection.open(to: destination)
        #expect(.now - started < .seconds(9))
        #expect(.now - started > .milliseconds(240), "the silent address was not the first")
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
        withExtendedLifetime(silent) {}
    }
}

/// Port 53 of an address, where nobody answers.
private struct SilentNameServer {
    private let descriptor: Int32

    init(address text: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr(text)
        address.sin_port = UInt16(53).bigEndian
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound)
    }

    func close() { Glibc.close(descriptor) }
}
