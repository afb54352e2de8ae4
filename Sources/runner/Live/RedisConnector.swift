import ClientKit
import Redis
import SSH
import StepKit

/// Connects to Redis: to its address, or to the master that Sentinels name.
struct RedisConnector: Sendable {
    private let service: StepKit.Inventory.RedisService
    private let credentials: RedisCredentials
    private let limit: TimeLimit
    private let observer: any ActivityObserver
    /// Opens a tunnel to a place; nil if the place itself is dialled.
    private let forward: RedisSentinels.Forward

    init(
        _ inventory: StepKit.Inventory, credentials: RedisCredentials, through tunnels: Tunnels,
        observer: any ActivityObserver
    ) {
        service = inventory.redis
        limit = inventory.limits.service
        self.credentials = credentials
        self.observer = observer
        let isTunnelled = inventory.redis.via == .ssh
        forward = { place in
            guard isTunnelled else { return nil }
            let tunnel = try await tunnels.forward(toHost: place.host, port: place.port)
            return .init(address: "127.0.0.1", port: tunnel.port) { await tunnel.close() }
        }
    }

    /// The result of `open` for the server that has the data.
    func connect<Face: RedisReading>(
        _ open: @Sendable (RedisEndpoint) async throws(RedisError) -> Face
    ) async throws -> Face {
        let endpoint = try endpoint()
        guard let sentinels else { return try await endpoint.connect(through: forward, open: open) }
        return try await sentinels.connect(as: endpoint, through: collectedForward, observer: observer, open: open)
    }

    /// The answer of each Sentinel, and whether clients that cannot query Sentinels could connect;
    /// empty without Sentinels.
    func answers() async -> [ServiceAnswer] {
        guard let sentinels, let own = service.sentinel else { return [] }
        var answers: [ServiceAnswer] = []
        for place in sentinels.places {
            answers.append(
                await ServiceAnswer("Sentinel at \(place)") {
                    let answer = try await sentinels.answer(of: place, through: collectedForward, observer: observer)
                    return "names \(answer.master) as the master \(sentinels.masterName)"
                })
        }
        let role = own.isForPods ? "for clients without Sentinel support" : "for the pods"
        answers.append(
            await ServiceAnswer("Redis at \(RedisSentinels.Place(host: service.host, port: port)) \(role)") {
                let reader = try await connectToHost()
                // Publish and subscribe also work through a replica.
                let found = try await own.isForPods ? reader.info() : reader.requireVersion()
                await reader.connection.close()
                return "accepts the login, version \(found.version), \(found.isMaster ? "the master" : "a replica")"
            })
        return answers
    }

    /// A connection to the inventory's address, regardless of Sentinels.
    func connectToHost() async throws -> RedisReader {
        try await endpoint().connect(through: forward) { (endpoint) throws(RedisError) in
            try await RedisReader.connect(to: endpoint, observer: observer)
        }
    }

    private var port: UInt16 { UInt16(clamping: service.port) }

    private var sentinels: RedisSentinels? {
        service.sentinel.map { sentinel in
            RedisSentinels(
                places: sentinel.addresses.map { .init(host: $0.host, port: UInt16(clamping: $0.port)) },
                masterName: sentinel.master, password: credentials.sentinelPassword, timeout: limit)
        }
    }

    /// A service that the master cannot reach is one failure of several, not the loss of the
    /// master.
    private var collectedForward: RedisSentinels.Forward {
        { [forward] place in
            do {
                return try await forward(place)
            } catch let error as SSHError where error.phase == .channel && error.kind != .unreachable {
                throw RedisError(noWayTo: place, cause: "\(error.cause), from \(error.hostName)")
            }
        }
    }

    private func endpoint() throws -> RedisEndpoint {
        RedisEndpoint(
            host: service.host, port: port, user: service.user, password: credentials.password,
            database: service.database, trusted: try trustedFile(), connectTimeout: limit, commandTimeout: limit)
    }

    /// The file that the certificate is verified against; nil for no TLS.
    private func trustedFile() throws -> String? {
        guard service.usesTLS else { return nil }
        guard let file = (service.rootCertificate ?? .system).path else {
            throw StepFailure(
                "connect to Redis with TLS", cause: "this machine has no file of trusted certificate authorities",
                remedy: "name one as redis.rootCertificate in the inventory, or install ca-certificates",
                kind: .badInput)
        }
        return file
    }
}
