import ClientKit
import Foundation
import SSH
import Testing

/// Hosts share a few threads: one that prints without end leaves them to the others.
@Suite(.limitedParallelism) struct FloodTests {
    private let command = RemoteCommand(["echo", "here"], effect: .read)

    @Test func aHostThatPrintsWithoutEndDelaysNoOther() async throws {
        let (server, loud) = (try await TestServer(), try await TestServer())
        let quiet = try await withThrowingTaskGroup(of: SSHConnection.self) { group in
            for _ in 0..<60 { group.addTask { try await server.connect() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let flooding = try await loud.connect()
        let marker = loud.path("printing")
        let flood = Task {
            try await failure(
                of: RemoteCommand(
                    ["sh", "-c", "touch \"$0\"; cat /dev/zero", marker], effect: .read, timeout: .seconds(300)),
                on: flooding)
        }
        try await eventually("the host prints") { FileManager.default.fileExists(atPath: marker) }
        let began = ContinuousClock.now
        for _ in 0..<5 {
            try await withThrowingTaskGroup(of: String.self) { group in
                for connection in quiet { group.addTask { try await connection.run(command).outputText } }
                for try await output in group { #expect(output == "here\n") }
            }
        }
        let took = ContinuousClock.now - began
        print("300 commands beside a flood: \(took)")
        #expect(took < .seconds(20))
        flood.cancel()
        _ = try await flood.value
        #expect(try await flooding.run(command).outputText == "here\n")
    }
}
