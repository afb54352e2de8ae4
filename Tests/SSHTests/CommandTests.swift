import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@Suite(.limitedParallelism) struct CommandTests {
    @Test func runsACommandAndReturnsWhatItPrinted() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let result = try await connection.run(RemoteCommand(["sh", "-c", "echo out; echo err >&2"], effect: .read))
        #expect(result.outputText == "out\n")
        #expect(result.errorText == "err\n")
        #expect(result.exitStatus == 0)
        #expect(!result.isTruncated)
        await connection.close()
    }

    /// A login's PATH often lacks them: `ufw`, `iptables` and `ss` then look as if they were not installed.
    @Test func programsOfAdministratorsAreFoundByEveryLogin() async throws {
        let server = try await TestServer(environment: ["SHLVL=5", "PATH=/usr/bin:/bin"])
        let connection = try await server.connect()
        let result = try await connection.run(RemoteCommand(["sh", "-c", #"printf %s "$PATH""#], effect: .read))
        #expect(result.outputText == "/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin")
        await connection.close()
    }

    @Test func exitStatusIsTheCommandsOwn() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        for status: Int32 in [0, 1, 2, 125, 126, 127, 201, 255] {
            for input in ["", "some input"] {
                for effect in [Effect.read, .change] {
                    let result = try await connection.run(
                        RemoteCommand(["sh", "-c", "exit \(status)"], standardInput: Array(input.utf8), effect: effect))
                    #expect(result.exitStatus == status)
                }
            }
        }
        for (signal, status) in [("KILL", 137), ("TERM", 143)] as [(String, Int32)] {
            let result = try await connection.run(RemoteCommand(["sh", "-c", "kill -\(signal) $$"], effect: .change))
            #expect(result.exitStatus == status)
        }
        #expect(try await connection.run(RemoteCommand(["/nonexistent/program"], effect: .read)).exitStatus == 127)
        #expect(try await connection.run(RemoteCommand(["/etc/passwd"], effect: .read)).exitStatus == 126)
    }

    @Test func theSharedShellIsOutOfReach() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let commands = [
            ["exit", "3"], ["cd", "/"], ["eval", "exit 3"], ["set", "-x"], ["while"], ["_kb_end"], ["exec", "true"],
            ["umask", "077"], ["trap", "echo", "EXIT"], ["export", "PATH=/"], ["readonly", "PATH"], ["hash", "-r"],
            ["return"], ["shift"], ["unset", "PATH"], ["break"], ["read", "_kb_line"], ["_kb_nl=x"], ["PATH=/"],
        ]
        for command in commands {
            #expect(try await connection.run(RemoteCommand(command, effect: .read)).exitStatus == 127)
        }
        let state = ["sh", "-c", "umask; pwd"]
        let read = try await connection.run(RemoteCommand(state, effect: .read)).outputText
        #expect(try await connection.run(RemoteCommand(state, effect: .change)).outputText == read)
        // These mean something to the shell itself.
        let special = ["IFS": "n", "OPTIND": "7", "PATH": "/usr/bin:/nowhere", "PPID": "1", "UID": "5"]
        let seen = try await connection.run(RemoteCommand(["printenv", "PATH"], effect: .read, environment: special))
        #expect(seen.outputText == "/usr/bin:/nowhere\n")
        let own = try await connection.run(RemoteCommand(["printenv", "PATH"], effect: .read))
        #expect(own.outputText != seen.outputText)
    }

    /// One that is installed during a run may stand before another on the PATH.
    @Test func theFirstProgramOnThePathIsTaken() async throws {
        let folder = URL.temporaryDirectory.appending(path: "path-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let (first, second) = (folder.appending(path: "first"), folder.appending(path: "second"))
        func install(in folder: URL) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let program = folder.appending(path: "kb-program")
            try Data("#!/bin/sh\necho \(folder.lastPathComponent)\n".utf8).write(to: program)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        }
        let path = "PATH=\(first.path):\(second.path):/usr/bin:/bin"
        let server = try await TestServer(environment: ["SHLVL=5", path])
        let connection = try await server.connect()
        func run() async throws -> CommandResult {
            try await connection.run(RemoteCommand(["kb-program"], effect: .read))
        }
        #expect(try await run().exitStatus == 127)
        try install(in: second)
        #expect(try await run().outputText == "second\n")
        try install(in: first)
        #expect(try await run().outputText == "first\n")
        try FileManager.default.removeItem(at: first)
        #expect(try await run().outputText == "second\n")
        await connection.close()
    }

    @Test func aShellThatWasKilledIsReplaced() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let error = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["sh", "-c", "kill -9 $PPID"], effect: .read))
        }
        #expect(error?.kind == .unknownOutcome)
        #expect(error?.cause.contains("killed by signal KILL") == true)
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
    }

    @Test func argumentsArriveByteForByte() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let ascii = String(decoding: [UInt8](1...127), as: UTF8.self)
        let arguments = [
            ascii, "", "\n", "a\n\n", "'\"`$(id)${HOME}\\\\", "é 日本 🚂 \u{301}", "-n", "*",
            String(repeating: "x'\n", count: 20_000),
            String(String.UnicodeScalarView((0x80...0x7ff).compactMap(Unicode.Scalar.init))),
        ]
        let result = try await connection.run(RemoteCommand(["printf", "%s\\0"] + arguments, effect: .read))
        #expect(
            result.standardOutput.split(separator: 0, omittingEmptySubsequences: false).dropLast().map(Array.init)
                == arguments.map { Array($0.utf8) })
        for impossible in [["echo", "a\0b"], [], [""]] {
            await #expect(throws: SSHError.self) { try await connection.run(RemoteCommand(impossible, effect: .read)) }
        }
    }

    @Test func environmentIsForTheCommandOnly() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let value = "quote' $HOME\nnewline"
        let command = ["sh", "-c", #"printf %s "$KUBECONFIG|$LC_ALL""#]
        let result = try await connection.run(RemoteCommand(command, effect: .read, environment: ["KUBECONFIG": value]))
        #expect(result.outputText == value + "|C")
        #expect(try await connection.run(RemoteCommand(command, effect: .read)).outputText == "|C")
        for name in ["", "1A", "A B", "A=B", "_kb_nl", "A;id"] {
            await #expect(throws: SSHError.self) {
                try await connection.run(RemoteCommand(["true"], effect: .read, environment: [name: "x"]))
            }
        }
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }

    @Test(arguments: ["", "no newline", "\n", "two\nlines", "\0binary\u{1}"]) func outputIsExact(_ text: String)
        async throws
    {
        let server = try await TestServer()
        let connection = try await server.connect()
        for input in [Array(text.utf8), Array(text.utf8) + [0xff, 0xfe]] {
            let result = try await connection.run(RemoteCommand(["cat"], standardInput: input, effect: .read))
            #expect(result.standardOutput == input)
        }
    }

    @Test func outputThatLooksLikeATrailerIsOutput() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        // The line that the shell evaluates is what comes closest to knowing the nonce.
        let script = "tr '\\000' '\\n' </proc/$PPID/cmdline; echo 0; echo 1; printf 'x 0\\n'"
        let result = try await connection.run(RemoteCommand(["sh", "-c", script], effect: .read))
        #expect(result.exitStatus == 0)
        #expect(result.outputText.hasSuffix("0\n1\nx 0\n"))
        #expect(observer.entries.first?.stdout == result.standardOutput)
        #expect(observer.entries.first?.stderr == [])
    }

    @Test func noisyStartFilesAreNotOutput() async throws {
        // ForceCommand stands for a login shell whose start files print something.
        let server = try await TestServer(["ForceCommand echo Welcome; echo Beware >&2; eval \"$SSH_ORIGINAL_COMMAND\""]
        )
        let result = try await server.connect().run(RemoteCommand(["echo", "hello"], effect: .read))
        #expect(result.outputText == "hello\n")
        #expect(result.errorText.isEmpty)
    }

    @Test func aCommandThatEndsEarlyDoesNotUpsetTheNext() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let input = [UInt8](repeating: UInt8(ascii: "\n"), count: 5 << 20)
        for effect in [Effect.read, .change] {
            let result = try await connection.run(
                RemoteCommand(["sh", "-c", "exit 9"], standardInput: input, effect: effect))
            #expect(result.exitStatus == 9)
            #expect(
                try await connection.run(RemoteCommand(["echo", "in step"], effect: effect)).outputText == "in step\n")
        }
    }

    @Test func aCommandWithoutInputFindsNone() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        #expect(try await connection.run(RemoteCommand(["cat"], effect: .read)).standardOutput.isEmpty)
        #expect(try await connection.run(RemoteCommand(["cat"], effect: .change)).standardOutput.isEmpty)
    }

    @Test func tenSessionsWorkInParallel() async throws {
        let server = try await TestServer()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<10 {
                group.addTask {
                    let connection = try await server.connect()
                    for round in 0..<10 {
                        let result = try await connection.run(
                            RemoteCommand(["echo", "\(number)", "\(round)"], effect: .read))
                        #expect(result.outputText == "\(number) \(round)\n")
                    }
                    await connection.close()
                }
            }
            try await group.waitForAll()
        }
    }
}
