import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// Changes that arrive after the time in which they may begin.
@Suite(.timeLimit(.minutes(15)), .limitedParallelism) struct LateChangeTests {
    /// Connects; the process of sshd that passes on what is sent, and a file that changes make.
    private func connect(
        _ observer: RecordingObserver
    ) async throws -> (connection: SSHConnection, session: pid_t, file: String, server: TestServer) {
        let server = try await TestServer()
        let connection = try await server.connect(observer: observer)
        let parent = try await connection.run(
            RemoteCommand(["sh", "-c", "cut -d' ' -f4 /proc/$PPID/stat"], effect: .read))
        let session = try #require(pid_t(parent.outputText.trimmingCharacters(in: .whitespacesAndNewlines)))
        return (connection, session, server.path("touched"), server)
    }

    /// As where the network stands still, or the host: what was sent in time arrives when another run has the module.
    @Test(arguments: ["", "input\n"]) func whatIsHeldUpOnItsWayIsNotBegun(_ input: String) async throws {
        let observer = RecordingObserver()
        let (connection, session, file, server) = try await connect(observer)
        let change = RemoteCommand(["touch", file], standardInput: Array(input.utf8), effect: .change)
        observer.fence = Fence(module: 11, number: 1, end: .now + .seconds(6))
        #expect(kill(session, SIGSTOP) == 0)
        let late = Task { try await connection.run(change) }
        try await Task.sleep(for: .seconds(8))
        #expect(kill(session, SIGCONT) == 0)
        let error = try #require(await #expect(throws: SSHError.self) { try await late.value })
        #expect(error.kind == .busy, "\(error)")
        #expect(error.cause.hasPrefix("it came to the host too late"), "\(error)")
        #expect(!FileManager.default.fileExists(atPath: file))
        #expect(observer.ended.last == .refused(code: "late"))
        // The run got more time; the shell goes on.
        observer.fence = Fence(module: 11, number: 1, end: .now + .seconds(60))
        #expect(try await connection.run(change).exitStatus == 0)
        #expect(FileManager.default.fileExists(atPath: file))
        await connection.close()
        withExtendedLifetime(server) {}
    }

    /// Reading, and what is safe beside any other change, as a renewal of the Lease, is possible at any time.
    @Test func onlyChangesHaveTheirTime() async throws {
        let observer = RecordingObserver()
        let (connection, _, file, server) = try await connect(observer)
        observer.fence = Fence(module: 11, number: 1, end: .now - .seconds(5))
        for input in ["", "input\n"] {
            let bytes = Array(input.utf8)
            for command in [
                RemoteCommand(["true"], standardInput: bytes, effect: .read),
                RemoteCommand(["true"], standardInput: bytes, effect: .read, isExclusive: true),
                RemoteCommand(["true"], standardInput: bytes, effect: .change, isExclusive: false),
            ] {
                #expect(try await connection.run(command).exitStatus == 0)
            }
            let error = await #expect(throws: SSHError.self) {
                try await connection.run(RemoteCommand(["touch", file], standardInput: bytes, effect: .change))
            }
            #expect(error?.kind == .busy)
        }
        #expect(!FileManager.default.fileExists(atPath: file))
        observer.fence = nil
        #expect(try await connection.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        await connection.close()
        withExtendedLifetime(server) {}
    }
}
