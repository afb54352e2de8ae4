import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

/// Changes of a run that no longer has its module, as of one that was stopped and goes on.
@Suite(.timeLimit(.minutes(5)), .limitedParallelism) struct FenceTests {
    private func fence(_ number: Int, module: Int = 11) -> Fence {
        Fence(module: module, number: number, end: .now + .seconds(600))
    }

    private func connect(
        to server: TestServer, _ fence: Fence?
    ) async throws -> (connection: SSHConnection, observer: RecordingObserver) {
        let observer = RecordingObserver()
        observer.fence = fence
        return (try await server.connect(observer: observer), observer)
    }

    @Test(arguments: ["", "input\n"]) func anEarlierRunChangesNothingWhereALaterOneHasBeen(_ input: String) async throws
    {
        let server = try await TestServer()
        let (earlier, observer) = try await connect(to: server, fence(1_800_000_000))
        let (later, _) = try await connect(to: server, fence(1_800_000_060))
        let touch = RemoteCommand(["touch", server.path("touched")], standardInput: Array(input.utf8), effect: .change)
        #expect(try await earlier.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        // Waiting for the earlier commands takes no change.
        #expect(try await later.run(RemoteCommand(["true"], effect: .read, isExclusive: true)).exitStatus == 0)
        let error = try #require(await #expect(throws: SSHError.self) { try await earlier.run(touch) })
        #expect(error.kind == .busy, "\(error)")
        #expect(error.cause.contains("1800000060 in \(server.path("lock")).11"), "\(error)")
        #expect(observer.ended.last == .refused(code: "stale"))
        #expect(!FileManager.default.fileExists(atPath: server.path("touched")))
        // To read, and to release the Lease, is possible at any time; and the shell goes on.
        #expect(try await earlier.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
        #expect(try await earlier.run(RemoteCommand(["true"], effect: .change, isExclusive: false)).exitStatus == 0)
        for _ in 0..<2 { #expect(try await later.run(touch).exitStatus == 0) }
        #expect(FileManager.default.fileExists(atPath: server.path("touched")))
    }

    /// It is asked when it begins, and not when it comes.
    @Test func whoWaitsForALaterRunsCommandIsRefused() async throws {
        let server = try await TestServer()
        let (earlier, _) = try await connect(to: server, fence(7))
        let (later, _) = try await connect(to: server, fence(8))
        let file = server.path("runs")
        let holder = Task {
            let script = "touch \"$0\"; until [ -e \"$0.go\" ] || [ ! -e \"$0\" ]; do sleep 0.1; done"
            return try await later.run(RemoteCommand(["sh", "-c", script, file], effect: .change))
        }
        try await eventually("the later run's command runs") { FileManager.default.fileExists(atPath: file) }
        let late = Task {
            try await earlier.run(RemoteCommand(["touch", server.path("touched")], effect: .change))
        }
        try await Task.sleep(for: .seconds(1.5))
        #expect(FileManager.default.createFile(atPath: file + ".go", contents: nil))
        #expect(try await holder.value.exitStatus == 0)
        let error = await #expect(throws: SSHError.self) { try await late.value }
        #expect(error?.cause.hasPrefix("a later run has taken the module") == true, "\(String(describing: error))")
        #expect(!FileManager.default.fileExists(atPath: server.path("touched")))
    }

    @Test func eachModuleHasItsNumber() async throws {
        let server = try await TestServer()
        for (module, number) in [(11, 9), (12, 3), (11, 9), (12, 4)] {
            let (connection, _) = try await connect(to: server, fence(number, module: module))
            #expect(try await connection.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        }
        #expect(try String(contentsOfFile: server.path("lock.11"), encoding: .utf8) == "9\n")
        #expect(try String(contentsOfFile: server.path("lock.12"), encoding: .utf8) == "4\n")
    }

    /// As after a crash of the host, or by hand.
    @Test(arguments: ["", "\n", "-5\n", "12 13\n", "0x99\n", "$(touch /tmp/no)\n", String(repeating: "9", count: 400)])
    func whatIsNoNumberIsWrittenOver(_ text: String) async throws {
        let server = try await TestServer()
        _ = try server.write(text, to: "lock.11")
        let (later, _) = try await connect(to: server, fence(1_800_000_060))
        #expect(try await later.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        let (earlier, _) = try await connect(to: server, fence(1_800_000_000))
        let error = await #expect(throws: SSHError.self) {
            try await earlier.run(RemoteCommand(["true"], effect: .change))
        }
        #expect(error?.kind == .busy)
    }

    /// Nothing is begun that could not be held against a later run.
    @Test(arguments: ["", "input\n"]) func aNumberThatCannotBeWrittenIsAnError(_ input: String) async throws {
        let server = try await TestServer()
        try FileManager.default.createDirectory(atPath: server.path("lock.11"), withIntermediateDirectories: false)
        let (connection, observer) = try await connect(to: server, fence(5))
        let error = try #require(
            await #expect(throws: SSHError.self) {
                try await connection.run(
                    RemoteCommand(
                        ["touch", server.path("touched")], standardInput: Array(input.utf8), effect: .change))
            })
        #expect(error.kind == .failed && error.cause.contains("cannot be written"), "\(error)")
        #expect(observer.ended == [.refused(code: "nofence")])
        #expect(!FileManager.default.fileExists(atPath: server.path("touched")))
        #expect(try await connection.run(RemoteCommand(["echo", "in step"], effect: .read)).outputText == "in step\n")
    }
}
