import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@Suite(.limitedParallelism) struct LockTests {
    // Also ends with the folder, where the test has given up on it.
    private let waiting = "until [ -e \"$0.go\" ] || [ ! -e \"$0\" ]; do sleep 0.1; done"

    @Test func aChangeWaitsForTheOrphanOfALostSession() async throws {
        let server = try await TestServer()
        let first = try await server.connect()
        let second = try await server.connect()
        let file = server.path("orphan")
        let script = "touch \"$0\"; \(waiting); sleep 1; touch \"$0.done\""
        let orphan = Task { try await first.run(RemoteCommand(["sh", "-c", script, file], effect: .change)) }
        try await eventually("the orphan runs") { FileManager.default.fileExists(atPath: file) }
        await first.close()
        let error = await #expect(throws: SSHError.self) { try await orphan.value }
        #expect(error?.kind == .unknownOutcome)
        // Reading is not held up.
        #expect(try await second.run(RemoteCommand(["touch", file + ".go"], effect: .read)).exitStatus == 0)
        #expect(try await second.run(RemoteCommand(["test", "-e", file + ".done"], effect: .change)).exitStatus == 0)
    }

    @Test func aHeldLockIsNamedWithItsHolder() async throws {
        let server = try await TestServer()
        let first = try await server.connect()
        let file = server.path("holder")
        let holder = Task {
            try await first.run(RemoteCommand(["sh", "-c", "touch \"$0\"; \(waiting)", file], effect: .change))
        }
        try await eventually("the holder runs") { FileManager.default.fileExists(atPath: file) }
        let observer = RecordingObserver()
        let second = try await SSHConnection.open(
            to: server.destination { $0.limits.lock = .seconds(1) }, observer: observer)
        for connection in [first, second] {
            // What is safe beside any other change, as a renewal of the Lease, neither waits nor fails.
            for input in ["", "input\n"] {
                let safe = RemoteCommand(
                    ["cat"], standardInput: Array(input.utf8), effect: .change, timeout: .seconds(20),
                    isExclusive: false)
                #expect(try await connection.run(safe).outputText == input)
            }
        }
        #expect(observer.ended == [.exited(0), .exited(0)])
        for input in ["", "input that nobody reads\n"] {
            let error = await #expect(throws: SSHError.self) {
                try await second.run(
                    RemoteCommand(["touch", server.path("touched")], standardInput: Array(input.utf8), effect: .change))
            }
            #expect(error?.kind == .busy)
            #expect(error?.cause.contains("sh -c touch \"$0\"; \(waiting) \(file)") == true, "\(error?.cause ?? "")")
            #expect(error?.cause.contains(/\(process \d+, running for \d+ s\)/) == true, "\(error?.cause ?? "")")
        }
        #expect(observer.ended.dropFirst(2) == [.refused(code: "lock busy"), .refused(code: "lock busy")])
        #expect(!FileManager.default.fileExists(atPath: server.path("touched")))
        #expect(try await second.run(RemoteCommand(["echo", "in step"], effect: .read)).outputText == "in step\n")
        #expect(FileManager.default.createFile(atPath: file + ".go", contents: nil))
        #expect(try await holder.value.exitStatus == 0)
    }

    @Test func aLockThatCannotBeTakenIsAnError() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(to: server.destination { $0.lockFile = "/nonexistent/lock" })
        for input in ["", "input\n"] {
            let error = await #expect(throws: SSHError.self) {
                try await connection.run(RemoteCommand(["true"], standardInput: Array(input.utf8), effect: .change))
            }
            #expect(error?.kind == .failed)
            #expect(error?.cause.contains("/nonexistent/lock") == true)
        }
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
    }
}
