import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@Suite(.limitedParallelism) struct TimeoutTests {
    @Test func afterATimeoutTheNextCommandGetsANewShell() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        let started = ContinuousClock.now
        let error = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["sleep", "12"], effect: .read, timeout: .milliseconds(300)))
        }
        #expect(error?.kind == .unknownOutcome)
        #expect(error?.cause == "it did not end within 0.3 s")
        #expect(error?.remedy == "run it on master-01 by hand and find out what it waits for")
        #expect(error?.hostIsLost == false)
        #expect(.now - started < .seconds(10))
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
        #expect(.now - started < .seconds(10))
        #expect(observer.ended.count == 2)
    }

    @Test func aCancelledCommandMayEndWithinTheGrace() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.cancellation = .seconds(20) })
        let file = server.path("started")
        let task = Task {
            try await connection.run(
                RemoteCommand(["sh", "-c", "touch \"$0\"; sleep 0.5; echo ended", file], effect: .change))
        }
        try await eventually("it runs") { FileManager.default.fileExists(atPath: file) }
        task.cancel()
        #expect(try await task.value.outputText == "ended\n")
    }

    @Test func aCancelledCommandThatGoesOnIsUnknown() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(
            to: server.destination { $0.limits.cancellation = .milliseconds(200) })
        let file = server.path("started")
        let task = Task {
            try await connection.run(RemoteCommand(["sh", "-c", "touch \"$0\"; sleep 12", file], effect: .read))
        }
        try await eventually("it runs") { FileManager.default.fileExists(atPath: file) }
        let cancelled = ContinuousClock.now
        task.cancel()
        let error = await #expect(throws: SSHError.self) { try await task.value }
        #expect(error?.kind == .unknownOutcome)
        #expect(.now - cancelled < .seconds(10))
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await connection.run(RemoteCommand(["true"], effect: .read))
        }
        task.cancel()
        let error = await #expect(throws: SSHError.self) { try await task.value }
        #expect(error?.kind == .failed)
        #expect(observer.begun.isEmpty)
    }

    @Test func aFloodOfOutputDoesNotHideTheTimeout() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        let started = ContinuousClock.now
        let error = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["yes"], effect: .read, timeout: .seconds(1), outputLimit: 0))
        }
        #expect(error?.kind == .unknownOutcome)
        #expect(.now - started < .seconds(10))
        #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
    }

    @Test func openingCanBeCancelled() async throws {
        let server = try await TestServer()
        let listener = try SilentListener()
        let destination = try server.destination { $0.port = listener.port }
        let task = Task { try await SSHConnection.open(to: destination) }
        try await Task.sleep(for: .milliseconds(200))
        let cancelled = ContinuousClock.now
        task.cancel()
        let error = await #expect(throws: SSHError.self) { try await task.value }
        #expect(error?.kind == .failed)
        #expect(.now - cancelled < .seconds(15))
    }

    @Test func aSessionThatIsDroppedEndsByItself() async throws {
        let server = try await TestServer()
        do {
            let connection = try await server.connect()
            _ = try await connection.run(RemoteCommand(["true"], effect: .read))
        }
        try await eventually("the server notices") {
            try server.log.contains("Connection closed by") || server.log.contains("Close session")
        }
    }
}
