import ClientKit
import DataServers
import Foundation
import Redis
import TestSupport
import Testing

/// Sentinels that know the master, and everything that keeps them from telling it.
@Suite(.serialized) struct SentinelTests {
    private static let endpoint = RedisEndpoint(
        host: "named.by.sentinels", password: Secret(RedisServer.password), connectTimeout: .seconds(2),
        commandTimeout: .seconds(2))

    private func connect(
        _ sentinels: RedisSentinels, as endpoint: RedisEndpoint = endpoint,
        observer: any ActivityObserver = IgnoringObserver(),
        through forward: RedisSentinels.Forward = { _ in nil }
    ) async throws -> RedisWriter {
        try await sentinels.connect(as: endpoint, through: forward, observer: observer) {
            (endpoint) throws(RedisError) in
            try await RedisWriter.connect(to: endpoint, observer: observer)
        }
    }

    private func refusal(
        _ sentinels: RedisSentinels, as endpoint: RedisEndpoint = endpoint,
        through forward: RedisSentinels.Forward = { _ in nil }
    ) async throws -> RedisError {
        do {
            _ = try await connect(sentinels, as: endpoint, through: forward)
        } catch let error as RedisError {
            return error
        }
        Issue.record("no error")
        throw CancellationError()
    }

    @Test func theMasterIsFoundAndFoundAgainAfterAFailover() async throws {
        let group = try SentinelGroup(sentinels: 3, downAfter: 1000)
        try await group.waitForReplica()
        let writer = try await connect(group.group())
        try await writer.set("before", to: "1")
        #expect(writer.connection.endpoint.port == group.master.port)

        group.master.stop()
        // At first no Sentinel has noticed; then they count it as down, until the replica is the master.
        var seen: [RedisError.Reason] = []
        let deadline = ContinuousClock.now + .seconds(60)
        var after: RedisWriter?
        while after == nil, .now < deadline {
            do {
                after = try await connect(group.group())
            } catch let error as RedisError {
                #expect(error.kind == .unreachable, "\(error)")
                if seen.last != error.reason { seen.append(error.reason) }
            }
        }
        #expect(after?.connection.endpoint.port == group.replica.port)
        #expect(try await after?.get("before") == "1")
        try await after?.set("after", to: "2")
        // None where the machine is so busy that they have agreed before this one has asked.
        #expect(Set(seen).isSubset(of: [.masterDown, .staleSentinel]), "\(seen)")
        let late = try await failure { () throws(RedisError) in try await writer.set("late", to: "x") }
        #expect(late.reason == .connectionLost)
    }

    /// Where packets vanish, the kernel itself gives up after two minutes.
    @Test(.timeLimit(.minutes(15))) func aSentinelThatDoesNotAnswerIsPassedOver() async throws {
        let group = try SentinelGroup()
        let hole = BlackHole()
        let closing = Listener { _ in }
        let observer = RecordingObserver()
        let writer = try await connect(
            group.group(after: [freePort(), closing.port, hole.port], timeout: .seconds(1)), observer: observer)
        try await writer.set("a", to: "b")
        #expect(observer.entries.map(\.activity.command).contains(["ROLE"]))
        #expect(!observer.everything.contains(RedisServer.password))
    }

    @Test func whereNoneAnswersAllAreNamed() async throws {
        let group = try SentinelGroup()
        let (one, other) = (freePort(), freePort())
        let sentinels = RedisSentinels(
            places: [.init(host: "127.0.0.1", port: one), .init(host: "127.0.0.1", port: other)], masterName: "m",
            password: nil, timeout: .seconds(1))
        let error = try await refusal(sentinels)
        #expect(error.reason == .noSentinelAnswers && error.kind == .unreachable)
        #expect(error.host == "127.0.0.1:\(one), 127.0.0.1:\(other)")
        #expect(error.cause.contains("refused") && error.remedy.contains("26379"), "\(error)")
        _ = group
    }

    @Test func aNameThatNoneKnowsIsToldWithThoseThatTheyKnow() async throws {
        let group = try SentinelGroup(sentinels: 2)
        let error = try await refusal(group.group(named: "mymaster"))
        #expect(error.reason == .masterUnknown && error.kind == .failed)
        #expect(error.cause.contains("it monitors \(SentinelGroup.masterName)"), "\(error)")
        #expect(error.remedy.contains("redis.sentinel.master"))
    }

    @Test func aMasterThatIsDownIsNotDialledAndTheWayOutIsTold() async throws {
        let group = try SentinelGroup(downAfter: 1000)
        // Nobody to fail over to.
        group.replica.stop()
        group.master.stop()
        try await group.wait(for: "the master counts as down", "flags") { $0.contains("o_down") }
        let error = try await refusal(group.group())
        #expect(error.reason == .masterDown && error.kind == .unreachable)
        #expect(
            error.cause.contains("127.0.0.1:\(group.master.port) is ") && error.remedy.contains("quorum"), "\(error)")
    }

    @Test func anAddressThatOnlyTheSentinelReachesIsSaidSo() async throws {
        let group = try SentinelGroup()
        try await group.wait(for: "the master answers the Sentinel", "flags") { $0 == "master" }
        let nowhere = freePort()
        let master = group.master.port
        let error = try await refusal(group.group()) { place in
            place.port == master ? .init(address: "127.0.0.1", port: nowhere) : nil
        }
        #expect(error.reason == .masterUnreachable && error.kind == .unreachable)
        #expect(error.host == "127.0.0.1:\(master)")
        #expect(error.cause.contains("refused") && error.remedy.contains("replica-announce-ip"), "\(error)")
        // The far end of a tunnel says it in its own words.
        let tunnelled = try await refusal(group.group()) { place in
            guard place.port == master else { return nil }
            throw RedisError(noWayTo: place, cause: "administratively prohibited, from k8s-master-01")
        }
        #expect(tunnelled.reason == .masterUnreachable && tunnelled.cause.contains("from k8s-master-01"))
    }

    @Test func theSentinelsPasswordIsItsOwn() async throws {
        let group = try SentinelGroup(password: "s3ntinel's")
        _ = try await connect(group.group(password: "s3ntinel's"))
        let missing = try await refusal(group.group())
        #expect(missing.code == "NOAUTH" && missing.kind == .refused)
        #expect(missing.remedy.contains("REDIS_SENTINEL_PASSWORD"), "\(missing)")
        let wrong = try await refusal(group.group(password: "other"))
        #expect(wrong.code == "WRONGPASS" && wrong.kind == .refused)
        #expect(wrong.remedy.contains("REDIS_SENTINEL_PASSWORD"))
        var endpoint = Self.endpoint
        endpoint.password = Secret("no")
        let masters = try await refusal(group.group(password: "s3ntinel's"), as: endpoint)
        #expect(masters.code == "WRONGPASS" && !masters.remedy.contains("SENTINEL"), "\(masters)")
    }

    @Test func aPasswordThatTheSentinelsDoNotWantIsSaidSo() async throws {
        let group = try SentinelGroup()
        let error = try await refusal(group.group(password: "needless"))
        #expect(error.reason == .wantsNoPassword && error.kind == .refused)
        #expect(error.cause.contains("Sentinel") && error.remedy.contains("remove REDIS_SENTINEL_PASSWORD"), "\(error)")
    }

    @Test func aStaleSentinelNamesAReplicaAndTheNextOneIsAsked() async throws {
        let group = try SentinelGroup()
        // Watches the replica of the other's master, as one does that was cut off during a failover.
        let stale = try SentinelGroup(announced: group.replica.port, downAfter: 60000)
        let error = try await refusal(stale.group())
        #expect(error.reason == .staleSentinel && error.host == "127.0.0.1:\(group.replica.port)")
        #expect(error.cause.contains("replica of 127.0.0.1:\(group.master.port)"), "\(error)")
        let writer = try await connect(group.group(after: stale.sentinels))
        #expect(writer.connection.endpoint.port == group.master.port)
    }

    @Test func aRedisServerIsNoSentinel() async throws {
        let server = try RedisServer(password: nil)
        defer { server.stop() }
        let sentinels = RedisSentinels(
            places: [.init(host: "127.0.0.1", port: server.port)], masterName: "m", password: nil, timeout: .seconds(2))
        let error = try await refusal(sentinels)
        #expect(error.reason == .notSentinel && error.remedy.contains("26379"), "\(error)")
    }
}
