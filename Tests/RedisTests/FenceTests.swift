import ClientKit
import DataServers
import Foundation
import Redis
import TestSupport
import Testing

/// Changes that come when another run may have the module, which the server itself refuses.
@Suite(.redisServer) struct FenceTests {
    private let server: RedisServer
    private let observer = RecordingObserver()
    private let endpoint: RedisEndpoint

    init() throws {
        server = try #require(RedisServer.current)
        var endpoint = server.endpoint
        endpoint.database = 9
        self.endpoint = endpoint
    }

    private func fence(_ left: Duration) -> Fence { Fence(module: 11, number: 5, end: .now + left) }

    @Test func aChangeInTimeIsTheSameAsAnyOther() async throws {
        observer.fence = fence(.seconds(60))
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        let value = "a\r\nb \u{1F600} $5 ARGV[1]\r\n"
        try await writer.set("in time", to: value)
        #expect(try await writer.get("in time") == value)
        // The record shows the change, and nothing of how it is sent.
        #expect(observer.begun.last { $0.effect == .change }?.command == ["SET", "in time", value])
        #expect(try await writer.delete("in time"))
        #expect(try await !writer.delete("in time"))
        let keys = (0..<1100).map { "many:\($0)" }
        for key in keys { try await writer.set(key, to: "") }
        #expect(try await writer.delete(keys + ["none"]) == 1100)
        await writer.connection.close()
    }

    @Test func whatComesTooLateIsRefused() async throws {
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        try await writer.set("late", to: "before")
        observer.fence = fence(.seconds(-2))
        for change in [
            { () async throws in try await writer.set("late", to: "after") },
            { () async throws in _ = try await writer.delete("late") },
            { () async throws in _ = try await writer.delete(["late"]) },
        ] {
            let error = try #require(await #expect(throws: RedisError.self) { try await change() })
            #expect(error.kind == .busy && error.cause.hasPrefix("it came to the server too late"), "\(error)")
            #expect(observer.ended.last == .refused(code: "TOOLATE"))
        }
        #expect(try await writer.get("late") == "before")
        observer.fence = fence(.seconds(60))
        #expect(try await writer.delete("late"))
        await writer.connection.close()
    }

    /// The server's own words stay what they are, though a script stands in between.
    @Test func whatTheServerSaysIsPassedOn() async throws {
        let command = ["redis-cli", "-p", String(server.port), "-a", RedisServer.password, "--no-auth-warning"]
        try runTool(command + ["ACL", "SETUSER", "timeless", "on", ">pw", "~*", "&*", "+@all", "-time", "-del"])
        try runTool(command + ["ACL", "SETUSER", "scriptless", "on", ">pw", "~*", "&*", "+@all", "-eval"])
        observer.fence = fence(.seconds(60))
        func writer(_ user: String) async throws -> RedisWriter {
            var endpoint = endpoint
            (endpoint.user, endpoint.password) = (user, Secret("pw"))
            return try await RedisWriter.connect(to: endpoint, observer: observer)
        }
        let scriptless = try await writer("scriptless")
        let refused = await #expect(throws: RedisError.self) { try await scriptless.set("refused", to: "x") }
        #expect(refused?.code == "NOPERM" && refused?.kind == .refused, "\(String(describing: refused))")
        // Another connection of this run has learnt the clock.
        let timeless = try await writer("timeless")
        try await timeless.set("kept", to: "x")
        let kept = await #expect(throws: RedisError.self) { try await timeless.delete("kept") }
        #expect(kept?.cause.contains("can't run this command") == true, "\(String(describing: kept))")
        #expect(try await scriptless.get("refused") == nil)
        for writer in [scriptless, timeless] { await writer.connection.close() }
    }

    /// As Redis 6.2 does, whose scripts put their place before the server's words.
    @Test(arguments: [
        ("@user_script: 1: -READONLY You can't write against a read only replica.  ", "READONLY", FailureKind.failed),
        ("@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.  ", "OOM", .failed),
        ("@user_script:1: NOPERM this user has no permissions", "NOPERM", .refused),
    ])
    func whatAnOlderServerSaysIsPassedOn(_ answer: String, _ code: String, _ kind: FailureKind) async throws {
        let peer = Listener { connection in
            pump(from: connection, chunk: 1000) { bytes in
                let asked = String(decoding: bytes, as: UTF8.self)
                let said =
                    asked.contains("EVAL")
                    ? "-\(answer)\r\n" : asked.contains("TIME") ? "*2\r\n$10\r\n1800000000\r\n$1\r\n0\r\n" : "+OK\r\n"
                sendAll(Array(said.utf8), to: connection)
                return true
            }
        }
        observer.fence = fence(.seconds(60))
        let endpoint = RedisEndpoint(
            host: "127.0.0.1", port: peer.port, password: Secret("pw"), connectTimeout: TimeLimit(.seconds(10)),
            commandTimeout: TimeLimit(.seconds(10)))
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        let error = try #require(await #expect(throws: RedisError.self) { try await writer.set("key", to: "value") })
        #expect(error.code == code && error.kind == kind, "\(error)")
        await writer.connection.close()
    }
}
