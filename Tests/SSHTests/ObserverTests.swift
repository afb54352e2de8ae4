import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@Suite(.limitedParallelism) struct ObserverTests {
    @Test func everyActivityIsToldBeforeAndAfter() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        _ = try await connection.run(
            RemoteCommand(["sh", "-c", "cat; echo err >&2; exit 4"], standardInput: Array("in".utf8), effect: .change))
        let activity = try #require(observer.begun.first)
        #expect(observer.begun.count == 1)
        #expect(activity.channel == .ssh)
        #expect(activity.host == "master-01")
        #expect(activity.hostKeyFingerprint == (await connection.hostKeyFingerprint))
        #expect(activity.login?.user == connection.destination.user)
        #expect(activity.login?.keyFingerprint?.hasPrefix("SHA256:") == true)
        #expect(activity.command == ["sh", "-c", "cat; echo err >&2; exit 4"])
        #expect(
            activity.standardInput == ContentDigest(bytes: 2, sha256: SHA256.hash(data: Array("in".utf8)).hex))
        #expect(activity.effect == .change)
        #expect(observer.ended == [.exited(4)])
        #expect(observer.entries.first?.output == "in")
        #expect(observer.entries.first?.remarks == "err\n")
    }

    @Test func whatCannotBeRecordedIsNotSent() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver(forbids: true)
        let connection = try await server.connect(observer: observer)
        let error = try #require(
            await #expect(throws: SSHError.self) {
                try await connection.run(RemoteCommand(["touch", server.path("touched")], effect: .change))
            })
        #expect(error.kind == .stateNotWritable)
        #expect(error.cause.contains("nothing was sent"))
        #expect(error.cause.contains("no space left on device"))
        #expect(!FileManager.default.fileExists(atPath: server.path("touched")))
        #expect(observer.ended.isEmpty)
        observer.allow()
        #expect(try await connection.run(RemoteCommand(["echo", "now"], effect: .change)).outputText == "now\n")
    }

    @Test func anEndThatCannotBeRecordedIsAnError() async throws {
        let server = try await TestServer()
        let connection = try await server.connect(observer: RecordingObserver(losesEnds: true))
        let error = await #expect(throws: SSHError.self) {
            try await connection.run(RemoteCommand(["true"], effect: .change))
        }
        #expect(error?.kind == .stateNotWritable)
    }

    @Test func secretsOnStandardInputAreNowhereElse() async throws {
        let server = try await TestServer()
        let observer = RecordingObserver()
        let connection = try await server.connect(observer: observer)
        let secret = "s3cret-\(UUID())"
        // Looks at every process of the machine while the command holds the secret; grep's own pattern comes on its input.
        let script = """
            read -r secret; for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do \
            printf '%s' "$secret" | grep -qaFf - "$file" 2>/dev/null && echo "$file"; done; exit 0
            """
        for effect in [Effect.read, .change] {
            let result = try await connection.run(
                RemoteCommand(["sh", "-c", script], standardInput: Array((secret + "\n").utf8), effect: effect))
            #expect(result.outputText == "")
        }
        #expect(observer.begun.allSatisfy { !$0.command.joined().contains(secret) })
    }
}
