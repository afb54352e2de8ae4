import ClientKit
import DataServers
import Foundation
import Redis
import TestSupport
import Testing

@Suite(.redisServer) struct RedisClientTests {
    private let server: RedisServer
    private let observer = RecordingObserver()

    init() throws {
        server = try #require(RedisServer.current)
    }

    private func refusal(_ change: (inout RedisEndpoint) -> Void) async throws -> RedisError {
        var endpoint = server.endpoint
        change(&endpoint)
        return try await failure { () throws(RedisError) in
            try await RedisReader.connect(to: endpoint, observer: observer)
        }
    }

    @Test func keysAreReadAndWritten() async throws {
        var endpoint = server.endpoint
        endpoint.database = 3
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        let value = "a\r\nb \u{1F600} $5\r\n"
        try await writer.set("key", to: value)
        let reader = try await RedisReader.connect(to: endpoint, observer: observer)
        #expect(try await reader.get("key") == value)
        #expect(try await reader.exists("key"))
        #expect(try await reader.get("nothing") == nil)
        #expect(try await reader.members(of: "nothing") == [])
        #expect(try await reader.fields(of: "nothing") == [:])
        #expect(try await reader.field("f", of: "nothing") == nil)
        let wrongType = try await failure { () throws(RedisError) in try await reader.members(of: "key") }
        #expect(wrongType.code == "WRONGTYPE" && wrongType.kind == .failed)
        #expect(try await writer.delete("key"))
        #expect(try await !writer.delete("key"))
        #expect(observer.entries.last?.activity.effect == .change)
        var other = endpoint
        other.database = 0
        #expect(try await !RedisReader.connect(to: other, observer: observer).exists("key"))
    }

    @Test func aSidekiqHeartbeatIsRead() async throws {
        // The client writes only strings, so the heartbeat is put there by Redis' own tool.
        let command = ["redis-cli", "-p", String(server.port), "-a", RedisServer.password, "--no-auth-warning"]
        try runTool(command + ["SADD", "processes", "worker-1:1:abc", "worker-2:1:def"])
        try runTool(command + ["HSET", "worker-1:1:abc", "busy", "0", "beat", "1716200000.1"])
        let reader = try await RedisReader.connect(to: server.endpoint, observer: observer)
        #expect(try await reader.members(of: "processes") == ["worker-1:1:abc", "worker-2:1:def"])
        #expect(try await reader.fields(of: "worker-1:1:abc") == ["busy": "0", "beat": "1716200000.1"])
        #expect(try await reader.field("beat", of: "worker-1:1:abc") == "1716200000.1")
    }

    @Test func keysOfAPrefixAreListedAndRemovedAndNoOthers() async throws {
        var endpoint = server.endpoint
        endpoint.database = 5
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        // More than one page of names, and more than one command's worth of removals.
        let own = (0..<6000).map { "alfred:\($0)" }
        let command = [
            "redis-cli", "-n", "5", "-p", String(server.port), "-a", RedisServer.password, "--no-auth-warning",
        ]
        try runTool(command + ["MSET"] + own.flatMap { [$0, "x"] })
        let others = ["alfredo", "xalfred:1", "al*ed:1", "a[l]b:1", "al\\ed:2"]
        for key in others { try await writer.set(key, to: "kept") }
        #expect(try await writer.keys(withPrefix: "alfred:") == own.sorted())
        #expect(try await writer.keys(withPrefix: "al*") == ["al*ed:1"])
        #expect(try await writer.keys(withPrefix: "a[l]") == ["a[l]b:1"])
        #expect(try await writer.keys(withPrefix: "al\\") == ["al\\ed:2"])
        #expect(try await writer.delete(own + ["nothing"]) == 6000)
        #expect(try await writer.delete([]) == 0)
        #expect(try await writer.keys(withPrefix: "").sorted() == others.sorted())
    }

    @Test func theServerTellsAboutItself() async throws {
        let reader = try await RedisReader.connect(to: server.endpoint, observer: observer)
        let info = try await reader.requireVersion()
        #expect(info.isMaster && !info.isLoading && info.isAtLeast("6.2") && info.isAtLeast(info.version))
        #expect(!info.isAtLeast("99.0"))
        let error = try await failure { () throws(RedisError) in try await reader.requireVersion("99.0") }
        #expect(error.reason == .tooOld && error.cause.contains(info.version))
    }

    @Test func thePasswordIsInNoRecord() async throws {
        _ = try await RedisReader.connect(to: server.endpoint, observer: observer)
        _ = try await refusal { $0.password = Secret("wrong-password") }
        #expect(observer.entries.map(\.activity.command) == [["AUTH", "•••"], ["PING"], ["TIME"], ["AUTH", "•••"]])
        #expect(
            observer.entries.map(\.ends) == [[.exited(0)], [.exited(0)], [.exited(0)], [.refused(code: "WRONGPASS")]])
        #expect(!observer.everything.contains(RedisServer.password))
        #expect(!observer.everything.contains("wrong-password"))
    }

    @Test func wrongAndMissingPasswordsAreRefused() async throws {
        let wrong = try await refusal { $0.password = Secret("wrong") }
        #expect(wrong.code == "WRONGPASS" && wrong.kind == .refused)
        let wrongUser = try await refusal { $0.user = "nobody" }
        #expect(wrongUser.code == "WRONGPASS" && wrongUser.kind == .refused)
        let missing = try await refusal { $0.password = nil }
        #expect(missing.code == "NOAUTH" && missing.kind == .refused)
        #expect(try await refusal { $0.password = Secret("") }.reason == .invalidInput)
        var named = server.endpoint
        named.user = "default"
        _ = try await RedisReader.connect(to: named, observer: observer)
    }

    @Test func aServerWithoutPasswordIsUsedWithoutOne() async throws {
        let open = try RedisServer(password: nil)
        defer { open.stop() }
        var endpoint = open.endpoint
        endpoint.password = Secret("needless")
        let given = endpoint
        let needless = try await failure { () throws(RedisError) in
            try await RedisReader.connect(to: given, observer: observer)
        }
        #expect(
            needless.reason == .wantsNoPassword && needless.kind == .refused && needless.remedy.contains("requirepass"))
        endpoint.password = nil
        _ = try await RedisReader.connect(to: endpoint, observer: observer)
    }

    @Test func aReplicaRefusesWritingAndSaysSo() async throws {
        let replica = try RedisServer(
            password: RedisServer.password, "--replicaof", "127.0.0.1 \(freePort())")
        defer { replica.stop() }
        let writer = try await RedisWriter.connect(to: replica.endpoint, observer: observer)
        #expect(try await !writer.info().isMaster)
        let error = try await failure { () throws(RedisError) in try await writer.set("a", to: "b") }
        #expect(error.code == "READONLY" && error.kind == .failed)
    }

    @Test func whatCannotBeRecordedIsNotDone() async throws {
        let writer = try await RedisWriter.connect(to: server.endpoint, observer: observer)
        observer.fillUp()
        let error = try await failure { () throws(RedisError) in try await writer.set("unrecorded", to: "x") }
        #expect(error.reason == .notRecorded && error.kind == .stateNotWritable)
        #expect(error.attempt == "send SET unrecorded to Redis")
        #expect(error.cause == "nothing was sent: could not write: no space left on device")
        let reader = try await RedisReader.connect(to: server.endpoint, observer: IgnoringObserver())
        #expect(try await !reader.exists("unrecorded"))
    }

    @Test func answersMayComeByteByByteThroughATunnel() async throws {
        let relay = Relay(to: server.port, answerSize: 1)
        var endpoint = server.endpoint
        endpoint.host = "redis.test"
        endpoint.dialAddress = "127.0.0.1"
        endpoint.dialPort = relay.port
        let reader = try await RedisReader.connect(to: endpoint, observer: observer)
        #expect(try await reader.info().isMaster)
        #expect(observer.entries.allSatisfy { $0.activity.host == "redis.test:\(server.port)" })
    }

    @Test func aBigValuePasses() async throws {
        let writer = try await RedisWriter.connect(to: server.endpoint, observer: IgnoringObserver())
        let value = String(repeating: "0123456789abcdef", count: 1 << 18)
        try await writer.set("big", to: value)
        #expect(try await writer.get("big") == value)
    }

    @Test func aChangeThatIsCutOffIsUnknown() async throws {
        let relay = Relay(to: server.port) { bytes in
            String(decoding: bytes, as: UTF8.self).contains("SET") ? .passThenCut : .pass
        }
        var endpoint = server.endpoint
        endpoint.dialPort = relay.port
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        let error = try await failure { () throws(RedisError) in try await writer.set("cut", to: "done") }
        #expect(error.reason == .connectionLost && error.kind == .unknownOutcome)
        #expect(observer.entries.last?.isUnknown == true)
        #expect(await !writer.connection.isAlive)
        let later = try await failure { () throws(RedisError) in try await writer.set("cut", to: "again") }
        #expect(later.reason == .connectionLost && later.kind == .unreachable)
        let reader = try await RedisReader.connect(to: server.endpoint, observer: observer)
        let deadline = ContinuousClock.now + .seconds(5)
        while try await reader.get("cut") == nil, .now < deadline { await Task.yield() }
        #expect(try await reader.get("cut") == "done")
    }
}
