import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

/// Hosts whose `sh`, `head`, `dd` and the rest are BusyBox.
@Suite(.serialized, .limitedParallelism) struct BusyBoxTests {
    /// A folder with BusyBox under the names of all its programs; the rest is found in the usual folders.
    private func programs(without absent: Set<String> = []) async throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "busybox-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in try await shell("/usr/bin/busybox", ["--list"]).split(separator: "\n")
        where !absent.contains(String(name)) {
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: String(name)).path, withDestinationPath: "/usr/bin/busybox")
        }
        return folder.path
    }

    private func expectWorking(_ connection: SSHConnection) async throws {
        let shell = try await connection.run(RemoteCommand(["sh", "-c", "readlink /proc/$PPID/exe"], effect: .read))
        #expect(shell.outputText == "/usr/bin/busybox\n")
        for effect in [Effect.read, .change] {
            for count in [1, 2, 4095, 4096, 4097, 70_000, 1 << 20] {
                let input = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                let result = try await connection.run(
                    RemoteCommand(["cat"], standardInput: input, effect: effect, timeout: .seconds(20)))
                #expect(result.standardOutput == input)
            }
            // What the command does not read is not taken for the next line.
            let unread = try await connection.run(
                RemoteCommand(["true"], standardInput: [UInt8](repeating: 10, count: 100_000), effect: effect))
            #expect(unread.exitStatus == 0)
        }
        #expect(try await connection.run(RemoteCommand(["sh", "-c", "exit 7"], effect: .change)).exitStatus == 7)
    }

    @Test func commandsAndTheirInputPass() async throws {
        let folder = try await programs()
        defer { removeFiles(at: URL(fileURLWithPath: folder)) }
        let server = try await TestServer(environment: ["SHLVL=5", "PATH=\(folder):/usr/bin:/bin"])
        let observer = RecordingObserver(keepsOutput: false)
        let connection = try await server.connect(observer: observer)
        try await expectWorking(connection)
        observer.fence = Fence(module: 11, number: 1, end: .now - .seconds(5))
        let late = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["true"], effect: .change))
        }
        #expect(late?.kind == .busy)
    }

    /// BusyBox's `flock` knows no `-w`; Debian's BusyBox has none.
    @Test func aLockThatCannotBeWaitedForIsAskedForAgain() async throws {
        let folder = try await programs()
        defer { removeFiles(at: URL(fileURLWithPath: folder)) }
        let flock = """
            #!/bin/sh
            case " $* " in *" -w "*) echo "flock: invalid option -- 'w'" >&2; exit 1;; esac
            exec /usr/bin/flock "$@"

            """
        let path = folder + "/flock"
        try flock.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        let server = try await TestServer(environment: ["SHLVL=5", "PATH=\(folder):/usr/bin:/bin"])
        let destination = try server.destination { $0.limits.lock = .seconds(2) }
        let first = try await SSHConnection.open(to: destination)
        let second = try await SSHConnection.open(to: destination)
        try await expectWorking(first)
        let go = server.path("go")
        let holder = Task { try await first.run(meeting(server.path("started"), go, .change)) }
        try await eventually("the holder runs") { FileManager.default.fileExists(atPath: server.path("started")) }
        let change = RemoteCommand(["echo", "changed"], effect: .change)
        let error = try await failure(of: change, on: second)
        #expect(error.kind == .busy)
        #expect(error.cause.contains("until ["))
        let waiting = Task { try await second.run(change) }
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        #expect(try await holder.value.exitStatus == 0)
        let result = try await waiting.value
        #expect((result.outputText, result.errorText) == ("changed\n", ""))
    }

    @Test(arguments: [["head"], ["head", "dd"]]) func whatCannotHandOnInputIsNamed(_ absent: [String]) async throws {
        // BusyBox's own shell would find its other programs in itself.
        let folder = try await programs(without: Set(absent + ["sh"]))
        defer { removeFiles(at: URL(fileURLWithPath: folder)) }
        try FileManager.default.createSymbolicLink(atPath: folder + "/sh", withDestinationPath: "/bin/dash")
        // Only these programs, and those of the test itself.
        let server = try await TestServer(environment: ["SHLVL=5", "PATH=\(folder)"])
        let connection = try await SSHConnection.open(to: server.destination())
        let cat = RemoteCommand(["cat"], standardInput: Array("input\n".utf8), effect: .read)
        if absent.contains("dd") {
            let error = try await failure(of: cat, on: connection)
            #expect(error.kind == .failed)
            #expect(error.cause.contains("neither its head nor its dd"))
        } else {
            #expect(try await connection.run(cat).outputText == "input\n")
        }
        #expect(try await connection.run(RemoteCommand(["echo", "in step"], effect: .read)).outputText == "in step\n")
        let change = try await failure(of: RemoteCommand(["true"], effect: .change), on: connection)
        #expect(change.cause.contains("flock is not installed"))
    }
}
