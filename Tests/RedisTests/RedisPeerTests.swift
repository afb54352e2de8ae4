import ClientKit
import DataServers
import Foundation
import Redis
import Testing

/// Peers that are not, or not yet, a Redis server.
@Suite struct RedisPeerTests {
    private func refusal(
        by port: UInt16, host: String = "127.0.0.1", password: String? = "pw", within limit: Duration = .seconds(10)
    ) async throws -> RedisError {
        let endpoint = RedisEndpoint(
            host: host, port: port, password: password.map { Secret($0) }, connectTimeout: TimeLimit(limit),
            commandTimeout: TimeLimit(limit))
        return try await failure { () throws(RedisError) in
            try await RedisReader.connect(to: endpoint, observer: IgnoringObserver())
        }
    }

    /// A peer that gives the same answer to whatever it is asked.
    private func peer(_ answer: String) -> Listener {
        Listener { connection in
            pump(from: connection, chunk: 1000) { _ in
                sendAll(Array(answer.utf8), to: connection)
                return true
            }
        }
    }

    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", FailureKind.unreachable),
        ("MASTERDOWN Link with MASTER is down", .unreachable),
        ("MISCONF Redis is configured to save RDB snapshots", .failed),
        ("MOVED 3999 127.0.0.1:6381", .failed),
        ("NOPERM this user has no permissions", .refused),
        ("DENIED Redis is running in protected mode", .refused),
        ("ERR invalid password", .refused),
    ])
    func errorsAreToldApartByTheirFirstWord(answer: String, kind: FailureKind) async throws {
        let peer = peer("-\(answer)\r\n")
        let error = try await refusal(by: peer.port)
        #expect(error.code == answer.split(separator: " ").first.map(String.init))
        #expect(error.kind == kind && error.cause == answer)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "$999999999\r\n", "+OK\r\n+OK\r\n"])
    func aPeerThatIsNotRedisIsSaidSo(answer: String) async throws {
        let peer = peer(answer)
        let error = try await refusal(by: peer.port)
        #expect(error.reason == .notRedis && error.kind == .failed)
    }

    @Test func aPasswordThatThePeerRepeatsIsHidden() async throws {
        let peer = peer("-ERR unknown command 'AUTH' 'p4ssw0rd'\r\n")
        let error = try await refusal(by: peer.port, password: "p4ssw0rd")
        #expect(error.description.contains("•••") && !error.description.contains("p4ssw0rd"))
    }

    @Test func aPeerThatClosesAtOnceIsTakenForALoadBalancer() async throws {
        let closing = Listener { _ in }
        let error = try await refusal(by: closing.port)
        #expect(error.reason == .closedBeforeLogin && error.kind == .unreachable)
        #expect(error.remedy.contains("load balancer"))
    }

    @Test func nobodyThereIsUnreachable() async throws {
        let error = try await refusal(by: freePort())
        #expect(error.reason == .cannotConnect && error.kind == .unreachable && error.cause.contains("refused"))
    }

    @Test func eachAddressOfANameIsToldWithWhatItSaid() async throws {
        let addresses = try numericAddresses(of: "localhost", within: .seconds(5))
        let error = try await refusal(by: freePort(), host: "localhost")
        #expect(error.reason == .cannotConnect)
        let told = addresses.map { addresses.count > 1 ? "\($0): Connection refused" : "Connection refused" }
        #expect(error.cause == told.joined(separator: "; "))
    }

    @Test func anUnknownNameIsSaidSo() async throws {
        let error = try await refusal(by: 6379, host: String(repeating: "a", count: 64))
        #expect(error.reason == .nameNotFound && error.kind == .unreachable)
    }

    @Test func aPeerThatNeverAnswersIsGivenUpInTime() async throws {
        let silent = Listener { pump(from: $0, chunk: 100) { _ in true } }
        let stuck = peer("$100\r\nhalf")
        let hole = BlackHole()
        for (port, reason) in [
            (silent.port, RedisError.Reason.commandDeadline), (stuck.port, .commandDeadline),
            (hole.port, .connectDeadline),
        ] {
            let start = ContinuousClock.now
            let error = try await refusal(by: port, within: .milliseconds(400))
            #expect(error.reason == reason && error.kind == .unreachable)
            #expect((.milliseconds(400) ..< .seconds(15)).contains(ContinuousClock.now - start))
        }
    }
}
