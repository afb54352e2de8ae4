import ClientKit
import Foundation
import SSH
import Testing

/// Hosts to which somebody logs in who is not root.
@Suite struct SudoTests {
    private let name = "kb-admin"

    /// A server that knows a user of that name.
    private func server() async throws -> TestServer {
        func own(_ path: String, _ line: String) throws -> String {
            try String(contentsOfFile: path, encoding: .utf8) + line + "\n"
        }
        let server = try await TestServer(files: [
            "/etc/passwd": own("/etc/passwd", "\(name):x:4242:4242::/tmp:/bin/sh"),
            "/etc/group": own("/etc/group", "\(name):x:4242:"),
            "/etc/shadow": own("/etc/shadow", "\(name):*:19000:0:99999:7:::"),
            "/etc/sudoers.d/": "",
        ])
        // sshd reads the authorized keys as that user.
        try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: server.directory.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: server.path("authorized_keys"))
        return server
    }

    private func destination(_ server: TestServer, _ become: SSHDestination.Become?) throws -> SSHDestination {
        try server.destination {
            $0.user = name
            $0.become = become
        }
    }

    /// Follows the remedy of the error that names it.
    private func allow(_ error: SSHError, on server: TestServer) throws {
        let line = try #require(error.remedy.split(separator: "write the line: ").last)
        let file = server.path("_etc_sudoers.d_/\(name)")
        try (String(line) + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o440], ofItemAtPath: file)
    }

    @Test func withSudoCommandsHaveRootsRights() async throws {
        let server = try await server()
        let error = try await failure(to: destination(server, .sudo))
        #expect((error.phase, error.kind) == (.channel, .refused))
        #expect(error.attempt == "start the remote shell as root, with sudo -n")
        #expect(error.cause.contains("it said: sudo: a password is required"))
        try allow(error, on: server)
        let connection = try await SSHConnection.open(to: destination(server, .sudo))
        for effect in [Effect.read, .change] {
            let result = try await connection.run(RemoteCommand(["id", "-u"], effect: effect))
            #expect(result.outputText == "0\n")
        }
        let input = [UInt8](repeating: 7, count: 200_000)
        let result = try await connection.run(
            RemoteCommand(["sh", "-c", "cat; exit 3"], standardInput: input, effect: .change))
        #expect((result.standardOutput, result.exitStatus) == (input, 3))
        try await meet(["a", "b", "c"].map(server.path), on: connection)
        let late = try await failure(
            of: RemoteCommand(["sleep", "12"], effect: .read, timeout: .milliseconds(300)), on: connection)
        #expect(late.kind == .unknownOutcome)
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
    }

    @Test func withoutItTheyRunAsTheUser() async throws {
        let server = try await server()
        let connection = try await SSHConnection.open(to: destination(server, nil))
        #expect(try await connection.run(RemoteCommand(["id", "-u"], effect: .read)).outputText == "4242\n")
        let error = try await failure(of: RemoteCommand(["true"], effect: .change), on: connection)
        #expect(error.kind == .failed)
        #expect(error.remedy.contains("\"become\": \"sudo\""))
    }

    @Test func rootNeedsNone() async throws {
        let server = try await TestServer(files: ["/etc/sudoers.d/": ""])
        let connection = try await SSHConnection.open(to: server.destination { $0.become = .sudo })
        let result = try await connection.run(RemoteCommand(["sh", "-c", "echo $SUDO_USER"], effect: .change))
        #expect(result.outputText == "\n")
    }
}
