import ClientKit
import Foundation
import SSH
import Testing

/// How many remote shells a connection has.
@Suite(.serialized, .limitedParallelism) struct ShellLimitTests {
    private let parent = RemoteCommand(["sh", "-c", "echo $PPID; sleep 0.05"], effect: .read)

    /// The processes of the remote shells that `count` commands found at once.
    private func shells(of connection: SSHConnection, commands count: Int) async throws -> Set<String> {
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<count { group.addTask { try await connection.run(parent).outputText } }
            return try await group.reduce(into: []) { $0.insert($1) }
        }
    }

    @Test func oneShellIsEnoughForOneCommandAfterAnother() async throws {
        let server = try await TestServer()
        let connection = try await server.connect()
        var parents: Set<String> = []
        for effect in [Effect.read, .change, .read, .change, .read] {
            parents.insert(
                try await connection.run(RemoteCommand(["sh", "-c", "echo $PPID"], effect: effect)).outputText)
        }
        #expect(parents.count == 1)
        #expect(try server.log.components(separatedBy: "Starting session:").count == 2)
    }

    @Test func thereAreNoMoreShellsThanTheLimit() async throws {
        let server = try await TestServer()
        let connection = try await SSHConnection.open(to: server.destination { $0.limits.shells = 3 })
        try await meet(["a", "b", "c"].map(server.path), on: connection)
        var found: Set<String> = []
        for _ in 0..<3 { found.formUnion(try await shells(of: connection, commands: 12)) }
        #expect(found.count == 3)
        #expect(try server.log.components(separatedBy: "Starting session:").count == 4)
    }

    @Test(arguments: [1, 2]) func whatTheServerDoesNotGrantIsNoFailure(_ granted: Int) async throws {
        let server = try await TestServer(["MaxSessions \(granted)"])
        let connection = try await server.connect()
        try await meet((0..<granted).map { server.path("\($0)") }, on: connection)
        #expect(try await shells(of: connection, commands: 12).count == granted)
        try await eventually("the server refuses") { try server.log.contains("no more sessions") }
        #expect(try await shells(of: connection, commands: 12).count == granted)
        // It is not asked again.
        #expect(try server.log.components(separatedBy: "no more sessions").count == 2)
    }

    @Test(arguments: [1, 2]) func aKilledShellIsReplacedWithinWhatTheServerGrants(_ granted: Int) async throws {
        let server = try await TestServer(["MaxSessions \(granted)"])
        let connection = try await server.connect()
        for round in 0..<3 {
            try await meet((0..<granted).map { server.path("\(round).\($0)") }, on: connection)
            let killer = Task.immediate {
                try await failure(of: RemoteCommand(["sh", "-c", "kill -9 $PPID"], effect: .read), on: connection)
            }
            #expect(try await connection.run(RemoteCommand(["echo", "next"], effect: .read)).outputText == "next\n")
            #expect(try await killer.value.kind == .unknownOutcome)
        }
    }

    @Test func aServerWhoseOnlySessionIsStillUsedIsAskedAgain() async throws {
        let server = try await TestServer(["MaxSessions 1"])
        let connection = try await server.connect()
        let end = server.path("end")
        // sshd counts the session until the command has ended.
        var lasting = meeting(server.path("started"), end)
        lasting.timeout = .milliseconds(200)
        let error = try await failure(of: lasting, on: connection)
        #expect(error.kind == .unknownOutcome)
        async let next = connection.run(RemoteCommand(["echo", "next"], effect: .read))
        try await eventually("another session is refused") { try server.log.contains("no more sessions") }
        #expect(FileManager.default.createFile(atPath: end, contents: nil))
        #expect(try await next.outputText == "next\n")
    }

    @Test func aShellThatDoesNotStartIsAFailureOnlyWhereThereIsNone() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "shells-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { removeFiles(at: directory) }
        let broken = directory.appending(path: "broken").path
        let server = try await TestServer(["ForceCommand [ -e \(broken) ] && exit 3; eval \"$SSH_ORIGINAL_COMMAND\""])
        let connection = try await server.connect()
        #expect(FileManager.default.createFile(atPath: broken, contents: nil))
        #expect(try await shells(of: connection, commands: 8).count == 1)
        _ = try await failure(of: RemoteCommand(["sh", "-c", "kill -9 $PPID"], effect: .read), on: connection)
        async let other = failure(of: parent, on: connection)
        for error in [try await failure(of: parent, on: connection), try await other] {
            #expect(error.phase == .channel)
            #expect(error.cause.contains("the remote shell exited"))
        }
        try FileManager.default.removeItem(atPath: broken)
        #expect(try await connection.run(parent).exitStatus == 0)
    }
}
