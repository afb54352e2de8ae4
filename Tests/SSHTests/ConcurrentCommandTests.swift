import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// A command that makes the file `own`, and waits for `other`.
func meeting(_ own: String, _ other: String, _ effect: Effect = .read) -> RemoteCommand {
    // Also ends with the folder, where the test has given up on it.
    let script = "touch \"$0\"; until [ -e \"$1\" ] || [ ! -e \"$0\" ]; do sleep 0.02; done"
    return RemoteCommand(["sh", "-c", script, own, other], effect: effect, timeout: .seconds(30))
}

/// Runs a command for each name, none of which ends before all have begun.
func meet(_ names: [String], on connection: SSHConnection) async throws {
    try await withThrowingTaskGroup(of: CommandResult.self) { group in
        for (own, other) in zip(names, names[1...] + names[..<1]) {
            group.addTask { try await connection.run(meeting(own, other)) }
        }
        for try await result in group { #expect(result.exitStatus == 0) }
    }
}

/// Commands of one connection that are asked for at the same time.
@Suite(.serialized, .limitedParallelism) struct ConcurrentCommandTests {
    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    @Test func readsOverlap() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        try await meet(["a", "b", "c", "d"].map(server.path), on: connection)
        #expect(observer.begun.count == 4)
        #expect(observer.ended == Array(repeating: .exited(0), count: 4))
    }

    @Test func aReadRunsWhileChangesWait() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.shells = 2 })
        let (fifo, order) = (server.path("fifo"), server.path("order"))
        #expect(mkfifo(fifo, 0o600) == 0)
        let first = Task.immediate {
            try await connection.run(
                RemoteCommand(["sh", "-c", "read -r word <\"$0\"; echo 0 >>\"$1\"", fifo, order], effect: .change))
        }
        // Immediate tasks come to the connection in this order. None of these takes the second shell.
        let others = (1...5).map { number in
            Task.immediate {
                try await connection.run(
                    RemoteCommand(["sh", "-c", "echo \"$0\" >>\"$1\"", "\(number)", order], effect: .change))
            }
        }
        #expect(
            try await connection.run(RemoteCommand(["sh", "-c", "echo go >\"$0\"", fifo], effect: .read)).exitStatus
                == 0)
        for task in [first] + others { #expect(try await task.value.exitStatus == 0) }
        #expect(try String(contentsOfFile: order, encoding: .utf8) == "0\n1\n2\n3\n4\n5\n")
    }

    @Test func changesNeverOverlapEachOther() async throws {
        let server = try await TestServer()
        // Together they take longer than one of them would wait for the host's lock.
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.lock = .seconds(1) })
        let script = "mkdir \"$0\" && sleep 0.1 && rmdir \"$0\" && echo \"$1\""
        try await withThrowingTaskGroup(of: (Int, CommandResult).self) { group in
            for number in 0..<40 {
                group.addTask {
                    let command =
                        number % 2 == 0
                        ? RemoteCommand(["sh", "-c", script, server.path("overlap"), "\(number)"], effect: .change)
                        : RemoteCommand(["echo", "\(number)"], effect: .read)
                    return (number, try await connection.run(command))
                }
            }
            for try await (number, result) in group { #expect(result.outputText == "\(number)\n") }
        }
    }

    @Test func whatArrivesForOneShellWhileAnotherIsReadIsNotForgotten() async throws {
        let server = try await TestServer()
        // No keepalive wakes anyone within the commands' time.
        let connection = try await SSHConnection.open(
            to: server.destination {
                $0.limits.keepaliveInterval = .seconds(120)
                $0.limits.silence = .seconds(180)
            })
        let (first, second, fifo) = (server.path("first"), server.path("second"), server.path("fifo"))
        #expect(mkfifo(fifo, 0o600) == 0)
        // The second shell, which is read after the first, says much whenever a command in the first one ends.
        async let holder = connection.run(meeting(first, second))
        try await eventually("the first shell is in use") { exists(first) }
        let script =
            "exec 3<>\"$0\"; touch \"$1\"; while read -r word <&3 && [ $word ]; do head -c 100000 /dev/zero; done"
        async let talker = connection.run(
            RemoteCommand(["sh", "-c", script, fifo, second], effect: .read, timeout: .seconds(600)))
        #expect(try await holder.exitStatus == 0)
        for _ in 0..<300 {
            let result = try await connection.run(
                RemoteCommand(["sh", "-c", "echo talk >\"$0\"", fifo], effect: .read, timeout: .seconds(20)))
            // What is forgotten is found when the deadline wakes the session.
            #expect(result.duration < .seconds(15))
        }
        _ = try await connection.run(RemoteCommand(["sh", "-c", "echo >\"$0\"", fifo], effect: .read))
        #expect(try await talker.exitStatus == 0)
    }

    /// How `command` fails while another one runs, which goes on and ends well.
    private func errorBesideAnother(_ command: RemoteCommand) async throws -> SSHError? {
        let server = try await TestServer()
        let connection = try await server.connect()
        let (started, go) = (server.path("started"), server.path("go"))
        async let other = connection.run(meeting(started, go))
        try await eventually("the other runs") { exists(started) }
        let error = await #expect(throws: SSHError.self) { try await connection.run(command) }
        #expect(try await connection.run(RemoteCommand(["touch", go], effect: .read)).exitStatus == 0)
        #expect(try await other.exitStatus == 0)
        return error
    }

    @Test func aKilledShellEndsOnlyItsOwnCommand() async throws {
        let error = try await errorBesideAnother(RemoteCommand(["sh", "-c", "kill -9 $PPID"], effect: .read))
        #expect(error?.kind == .unknownOutcome)
        // The host is there: other commands go on.
        #expect(error?.hostIsLost == false)
    }

    @Test func aTimeoutEndsOnlyItsOwnCommand() async throws {
        let error = try await errorBesideAnother(
            RemoteCommand(["sleep", "30"], effect: .read, timeout: .milliseconds(300)))
        #expect(error?.cause.contains("did not end within 0.3 s") == true)
    }

    @Test(arguments: [Effect.read, .change]) func whoWaitsCanBeCancelled(_ effect: Effect) async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await SSHConnection.open(
            to: server.destination { $0.limits.shells = effect == .read ? 1 : 4 }, observer: observer)
        let (started, go) = (server.path("started"), server.path("go"))
        async let other = connection.run(meeting(started, go, effect))
        try await eventually("the other runs") { exists(started) }
        let waiting = Task.immediate { try await connection.run(RemoteCommand(["true"], effect: effect)) }
        waiting.cancel()
        // The other one still runs.
        let error = await #expect(throws: SSHError.self) { try await waiting.value }
        #expect(error?.cause == "nothing was sent: the task was cancelled")
        #expect(observer.begun.count == 1)
        #expect(FileManager.default.createFile(atPath: go, contents: nil))
        #expect(try await other.exitStatus == 0)
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: effect)).outputText == "next\n")
    }

    @Test func aLostLinkEndsAllThatAreInFlight() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await SSHConnection.open(
            to: server.destination { $0.limits.shells = 3 }, observer: observer)
        let started = ["a", "b", "c"].map(server.path)
        let tasks = started.map { path in
            Task { try await failure(of: meeting(path, server.path("go")), on: connection) }
        }
        try await eventually("all three run") { started.allSatisfy(exists) }
        let waiting = Task.immediate { try await connection.run(RemoteCommand(["true"], effect: .read)) }
        for child in try server.sessions() { kill(child, SIGKILL) }
        for task in tasks { #expect(try await task.value.kind == .unknownOutcome) }
        let error = await #expect(throws: SSHError.self) { try await waiting.value }
        #expect(error?.kind == .unreachable)
        #expect(error?.cause.contains("nothing was sent") == true)
        #expect(observer.begun.count == 3)
        #expect(observer.ended.count == 3)
        #expect(FileManager.default.createFile(atPath: server.path("go"), contents: nil))
    }
}
