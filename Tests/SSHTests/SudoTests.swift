import ClientKit
import Foundation
import Glibc
import SSH
import Testing

/// Hosts to which somebody logs in who is not root.
@Suite(.limitedParallelism) struct SudoTests {
    private let name = "kb-admin"
    private let home = "/mnt"

    /// A server that knows a user of that name.
    private func server(_ more: [String: String] = [:]) async throws -> TestServer {
        func own(_ path: String, _ line: String) throws -> String {
            try String(contentsOfFile: path, encoding: .utf8) + line + "\n"
        }
        let server = try await TestServer(
            files: [
                "/etc/passwd": own("/etc/passwd", "\(name):x:4242:4242::\(home):/bin/sh"),
                "/etc/group": own("/etc/group", "\(name):x:4242:"),
                "/etc/shadow": own("/etc/shadow", "\(name):*:19000:0:99999:7:::"),
                "/etc/sudoers.d/": "", "/usr/local/bin/": "", "\(home)/": "",
            ].merging(more) { $1 })
        _ = try server.write("#!/bin/sh\n", to: "_usr_local_bin_/kb-tool", mode: 0o755)
        for path in more.keys {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: server.path(path.replacing("/", with: "_")))
        }
        try #require(chown(server.path("_mnt_"), 4242, 4242) == 0)
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

    /// Writes `lines` into a file of sudo's rules.
    private func write(_ lines: [String], to name: String, on server: TestServer) throws {
        _ = try server.write(
            lines.joined(separator: "\n") + "\n", to: "_etc_sudoers.d_/\(name)", mode: 0o440)
    }

    /// Adds the lines that the remedy of `error` names.
    private func allow(_ error: SSHError, on server: TestServer) throws {
        #expect(error.remedy.contains("visudo -f /etc/sudoers.d/zz-runner"))
        let lines = error.remedy.split(separator: "`").filter { $0.contains(name) }
        try write(lines.map(String.init), to: "zz-runner", on: server)
    }

    /// Sudo's refusals, each with what it says; the remedy ends every one of them.
    @Test(
        arguments: [
            ([], "a password is required"),
            (["kb-admin ALL=(ALL) ALL", "Defaults lecture=always"], "a password is required"),
            (["Defaults requiretty", "kb-admin ALL=(ALL) NOPASSWD: ALL"], "must have a tty"),
            (["kb-admin ALL=(ALL) NOPASSWD: /usr/bin/id"], "a password is required"),
            (["Defaults runas_default=nobody", "kb-admin ALL=(nobody) NOPASSWD: ALL"], "a password is required"),
        ] as [([String], String)])
    func aRefusalNamesTheLinesThatSudoersLacks(rules: [String], said: String) async throws {
        let server = try await server()
        try write(rules, to: "00-site", on: server)
        let error = try await failure(to: destination(server, .sudo))
        #expect((error.phase, error.kind) == (.channel, .refused))
        #expect(error.attempt == "start the remote shell as root with sudo -n")
        #expect(error.cause.contains("it said: sudo: ") && error.cause.contains(said), "\(error.cause)")
        try allow(error, on: server)
        let connection = try await SSHConnection.open(to: destination(server, .sudo))
        #expect(try await connection.run(RemoteCommand(["id", "-u"], effect: .change)).outputText == "0\n")
    }

    @Test(arguments: [
        [], ["Defaults use_pty"], ["Defaults lecture=always, fqdn, always_set_home"],
        ["Defaults secure_path=/usr/bin:/bin", "Defaults env_keep += HOME", "Defaults use_pty, log_output"],
    ])
    func withSudoCommandsHaveRootsRights(rules: [String]) async throws {
        let server = try await server()
        let log = server.path("sudo.log")
        try write(rules + ["Defaults logfile=\(log)", "\(name) ALL=(ALL:ALL) NOPASSWD: ALL"], to: "site", on: server)
        let connection = try await SSHConnection.open(to: destination(server, .sudo))
        for effect in [Effect.read, .change] {
            let result = try await connection.run(
                RemoteCommand(["sh", "-c", "id -u; echo $HOME; command -v kb-tool"], effect: effect))
            #expect(result.outputText == "0\n/root\n/usr/local/bin/kb-tool\n")
            #expect(result.errorText == "")
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
        #expect(try String(contentsOfFile: log, encoding: .utf8).contains("COMMAND="))
    }

    /// Neither in the arguments nor the environment of any process there, nor in sudo's log.
    @Test func secretsAreNowhereToBeSeen() async throws {
        let server = try await server()
        let log = server.path("sudo.log")
        try write(["Defaults logfile=\(log)", "\(name) ALL=(ALL:ALL) NOPASSWD: ALL"], to: "site", on: server)
        let connection = try await SSHConnection.open(to: destination(server, .sudo))
        let search = "cat >$0; grep -alsFf $0 /proc/[0-9]*/cmdline /proc/[0-9]*/environ \(log) | sort -u | wc -l"
        func places(of text: String, _ arguments: [String] = []) async throws -> String {
            let command = RemoteCommand(
                ["sh", "-c", search, server.path("pattern")] + arguments, standardInput: Array(text.utf8),
                effect: .change)
            return try await connection.run(command).outputText
        }
        #expect(try await places(of: UUID().uuidString) == "0\n")
        // What is there is found.
        let argument = UUID().uuidString
        #expect(try await places(of: argument, [argument]) != "0\n")
        #expect(try await places(of: "COMMAND=") != "0\n")
    }

    @Test func aSudoThatWaitsIsNotTakenForARefusal() async throws {
        let server = try await server(["/usr/bin/sudo": "#!/bin/sh\nread -r _\nexec sleep 60\n"])
        var destination = try destination(server, .sudo)
        destination.limits.connect = TimeLimit(.seconds(3), key: "limits.connect")
        let error = try await failure(to: destination)
        #expect((error.phase, error.kind) == (.channel, .failed))
        #expect(error.cause.contains("it was not ready within 3 s (limits.connect)"))
        #expect(error.remedy.contains("`sudo -n true`"))
    }

    @Test func withoutItTheyRunAsTheUser() async throws {
        let server = try await server()
        let connection = try await SSHConnection.open(to: destination(server, nil))
        #expect(try await connection.run(RemoteCommand(["id", "-u"], effect: .read)).outputText == "4242\n")
        // TestServer's own lock is in a folder where only root may write.
        let error = try await failure(of: RemoteCommand(["true"], effect: .change), on: connection)
        #expect(error.kind == .failed)
        #expect(error.remedy.contains("\"become\": \"sudo\""))
    }

    @Test func withoutItTheLockIsInTheirHome() async throws {
        let server = try await server()
        var destination = try destination(server, nil)
        destination.lockFile = nil
        destination.limits.lock = .seconds(1)
        let first = try await SSHConnection.open(to: destination)
        let go = server.path("_mnt_/go")
        let holder = Task {
            let script = "id -u; touch held; until [ -e go ]; do sleep 0.1; done"
            return try await first.run(RemoteCommand(["sh", "-c", script], effect: .change))
        }
        try await eventually("the holder runs") { FileManager.default.fileExists(atPath: server.path("_mnt_/held")) }
        let second = try await SSHConnection.open(to: destination)
        let error = try await failure(of: RemoteCommand(["true"], effect: .change), on: second)
        #expect(error.kind == .busy)
        #expect(error.cause.contains("holds ~/.keybuzz-runner.lock"))
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        #expect(try await holder.value.outputText == "4242\n")
        #expect(try await second.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        #expect(FileManager.default.fileExists(atPath: server.path("_mnt_/.keybuzz-runner.lock")))
    }

    @Test func rootNeedsNone() async throws {
        let server = try await TestServer(files: ["/etc/sudoers.d/": ""])
        let connection = try await SSHConnection.open(to: server.destination { $0.become = .sudo })
        let result = try await connection.run(RemoteCommand(["sh", "-c", "echo $SUDO_USER"], effect: .change))
        #expect(result.outputText == "\n")
    }
}
