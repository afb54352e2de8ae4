import ClientKit
import Foundation
import Glibc
import SSH
import Testing

/// What a login's environment has, and each kind of `sh` understands in its own way.
@Suite(.serialized, .limitedParallelism) struct InheritedEnvironmentTests {
    /// The shells that this machine has; bash is `sh` on most systems other than Debian's.
    private static let shells = [
        "/bin/dash", "/bin/bash", "/usr/bin/busybox", "/bin/mksh", "/bin/ksh93", "/bin/zsh",
    ].filter { FileManager.default.isExecutableFile(atPath: $0) }

    private let parent = RemoteCommand(["sh", "-c", "echo $PPID"], effect: .read)

    /// Calls `body` with a connection to a server on which `program` is `sh`.
    private func withConnection(
        sh program: String, _ environment: [String] = [], _ body: (SSHConnection) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sh-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { removeFiles(at: folder) }
        try FileManager.default.createSymbolicLink(
            atPath: folder.appending(path: "sh").path, withDestinationPath: program)
        let server = try await TestServer(
            environment: ["SHLVL=5", "PATH=\(folder.path):/usr/bin:/bin"] + environment)
        let connection = try await server.connect()
        try await body(connection)
        await connection.close()
    }

    /// Hardening guides set it for all logins, and bash's `read` goes by it.
    @Test(arguments: shells) func anIdleShellOutlivesTMOUT(_ program: String) async throws {
        try await withConnection(sh: program, ["TMOUT=1"]) { connection in
            let first = try await connection.run(parent).outputText
            try await Task.sleep(for: .seconds(2.5))
            #expect(try await connection.run(parent).outputText == first)
        }
    }

    /// Red Hat's start files export one called `which`.
    @Test(arguments: shells) func anExportedFunctionIsNoProgram(_ program: String) async throws {
        let functions = ["uptime", "printf", "cat", "head"].map { "\"BASH_FUNC_\($0)%%=() { exit 3; }\"" }
        try await withConnection(sh: program, functions) { connection in
            let uptime = try await connection.run(RemoteCommand(["uptime"], effect: .read))
            #expect(uptime.exitStatus == 0)
            #expect(uptime.outputText.contains("load average"))
            for effect in [Effect.read, .change] {
                let input = Array("input\n".utf8)
                let result = try await connection.run(
                    RemoteCommand(["cat"], standardInput: input, effect: effect))
                #expect(result.standardOutput == input)
            }
        }
    }

    @Test(arguments: shells) func bytesStatusAndStateAreTheSameInEachShell(_ program: String) async throws {
        try await withConnection(sh: program) { connection in
            let shell = try await connection.run(parent).outputText
            let words = [String(decoding: [UInt8](1...127), as: UTF8.self), "", "\n", "é 日本 \u{301}", "*", "~"]
            let arguments = try await connection.run(RemoteCommand(["printf", "%s\\0"] + words, effect: .read))
            #expect(arguments.standardOutput == words.flatMap { Array($0.utf8) + [0] })
            let value = "quote' $HOME\n\u{1}\u{7f}"
            let environment = try await connection.run(
                RemoteCommand(["/usr/bin/printenv", "KB"], effect: .read, environment: ["KB": value]))
            #expect(environment.outputText == value + "\n")
            #expect(try await connection.run(RemoteCommand(["printenv", "KB"], effect: .read)).exitStatus == 1)
            let state = ["/bin/sh", "-c", "umask; pwd; ulimit -n; set"]
            let before = try await connection.run(RemoteCommand(state, effect: .read)).outputText
            for command in Self.builtins {
                for effect in [Effect.read, .change] {
                    _ = try await connection.run(RemoteCommand(command, effect: effect))
                }
            }
            #expect(try await connection.run(RemoteCommand(state, effect: .read)).outputText == before)
            for (name, signal) in [("INT", SIGINT), ("TERM", SIGTERM), ("KILL", SIGKILL), ("HUP", SIGHUP)] {
                let killed = RemoteCommand(["/bin/dash", "-c", "kill -\(name) $$"], effect: .read)
                let status = try await connection.run(killed).exitStatus
                // 128 + n; ksh93 says 256 + n.
                #expect(status > 128 && status & 0x7f == signal, "\(status)")
            }
            // After all of that it is still the same shell.
            #expect(try await connection.run(parent).outputText == shell)
        }
    }

    /// What some shell would do itself.
    private static let builtins = [
        ["exit", "3"], ["cd", "/"], ["eval", "exit 3"], ["set", "-x"], ["set", "--", "a"], ["umask", "077"],
        ["trap", "echo", "EXIT"], ["export", "PATH=/"], ["typeset", "PATH=/"], ["declare", "PATH=/"],
        ["local", "PATH=/"], ["readonly", "PATH"], ["unset", "PATH"], ["alias", "printf=exit"], ["break"],
        ["return"], ["shift"], ["ulimit", "-n", "30"], ["exec", "9>&-"], ["builtin", "exit"],
        ["command", "exit"], ["source", "/dev/null"], [".", "/dev/null"], ["enable", "-n", "printf"],
        ["shopt", "-s", "extdebug"], ["emulate", "csh"], ["disable", "printf"], ["unfunction", "_kb_end"],
        ["setopt", "xtrace"], ["limit", "descriptors", "30"], ["bye"], ["unsetenv", "PATH"], ["enum", "PATH=(a)"],
        ["-v"], ["while"], ["{"], ["!"], ["_kb_end", "0"], ["a=b"], ["~"], ["*"], ["%1"], [" "], ["\n"],
    ]
}
