import ClientKit
import DataServers
import Foundation
import Redis
import TestSupport
import Testing

/// A path to Redis that breaks in each way, at each moment of a command.
@Suite(.redisServer) struct FaultyPathTests {
    private let server: RedisServer
    private let proxy: FaultyProxy
    private let observer = RecordingObserver()
    private static let limit = Duration.seconds(6)

    init() throws {
        server = try #require(RedisServer.current)
        proxy = FaultyProxy(to: server.port)
    }

    private var endpoint: RedisEndpoint {
        var endpoint = server.endpoint
        endpoint.port = proxy.port
        endpoint.connectTimeout = TimeLimit(Self.limit, key: "limits.service")
        endpoint.commandTimeout = endpoint.connectTimeout
        return endpoint
    }

    @Test(arguments: FaultyProxy.Fault.allCases, FaultyProxy.Moment.allCases)
    func aChangeIsUnknownAndNeverDoneTwice(fault: FaultyProxy.Fault, moment: FaultyProxy.Moment) async throws {
        let key = "\(fault)-\(moment)"
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        proxy.arm(fault, at: moment)
        if fault == .delay {
            try await writer.set(key, to: "done")
        } else {
            let (error, took) = try await timed { () throws(RedisError) in try await writer.set(key, to: "done") }
            #expect(error.kind == .unknownOutcome)
            expect(error, after: took, fault)
            #expect(observer.entries.last?.isUnknown == true)
            #expect(await !writer.connection.isAlive)
        }
        #expect(proxy.hits == 1)
        let reader = try await RedisReader.connect(to: endpoint, observer: observer)
        if fault == .delay || moment == .inAnswer {
            #expect(try await reader.get(key) == "done")
        } else {
            #expect(try await reader.get(key) == nil)
        }
        counted(fault)
    }

    @Test(arguments: FaultyProxy.Fault.allCases, FaultyProxy.Moment.allCases)
    func aReadIsUnreachable(fault: FaultyProxy.Fault, moment: FaultyProxy.Moment) async throws {
        let reader = try await RedisReader.connect(to: endpoint, observer: observer)
        proxy.arm(fault, at: moment)
        if fault == .delay {
            #expect(try await reader.get("nothing") == nil)
        } else {
            let (error, took) = try await timed { () throws(RedisError) in try await reader.get("nothing") }
            #expect(error.kind == .unreachable)
            expect(error, after: took, fault)
        }
        #expect(proxy.hits == 1)
        #expect(try await RedisReader.connect(to: endpoint, observer: observer).get("nothing") == nil)
        counted(fault)
    }

    @Test(arguments: FaultyProxy.Fault.allCases, FaultyProxy.Moment.allCases)
    func aLoginIsUnreachable(fault: FaultyProxy.Fault, moment: FaultyProxy.Moment) async throws {
        proxy.arm(fault, at: moment)
        if fault == .delay {
            try await RedisReader.connect(to: endpoint, observer: observer).ping()
        } else {
            let (error, took) = try await timed { () throws(RedisError) in
                try await RedisReader.connect(to: endpoint, observer: observer)
            }
            #expect(error.kind == .unreachable, "\(error)")
            #expect(took < Self.limit + .seconds(20))
            if fault.isSilent { #expect(error.cause.contains("within 6 s (limits.service)"), "\(error)") }
        }
        #expect(proxy.hits == 1)
        try await RedisReader.connect(to: endpoint, observer: observer).ping()
        counted(fault)
    }

    @Test(arguments: [true, false]) func whatIsCutWhileIdleSendsNothing(isReset: Bool) async throws {
        let writer = try await RedisWriter.connect(to: endpoint, observer: observer)
        proxy.cut(withReset: isReset)
        let deadline = ContinuousClock.now + .seconds(10)
        while await writer.connection.isAlive, .now < deadline { await Task.yield() }
        let error = try await failure { () throws(RedisError) in try await writer.set("idle-\(isReset)", to: "done") }
        #expect(error.reason == .connectionLost && error.kind == .unreachable)
        #expect(try await !RedisReader.connect(to: endpoint, observer: observer).exists("idle-\(isReset)"))
    }

    private func expect(_ error: RedisError, after took: Duration, _ fault: FaultyProxy.Fault) {
        #expect(error.reason == (fault.isSilent ? .commandDeadline : .connectionLost), "\(error)")
        #expect(took < Self.limit + .seconds(20))
        if fault.isSilent { #expect(error.cause.contains("within 6 s (limits.service)"), "\(error)") }
    }

    private func timed<T>(
        _ body: () async throws(RedisError) -> T
    ) async throws -> (error: RedisError, took: Duration) {
        let began = ContinuousClock.now
        return (try await failure(body), .now - began)
    }

    private func counted(_ fault: FaultyProxy.Fault) {
        survived(
            "\(fault.words): login, read or change of Redis", times: 1,
            oracle: "a change is unknown and done at most once, a read unreachable, within its limit")
    }
}
