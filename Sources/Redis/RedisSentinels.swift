public import ClientKit

/// The Sentinels that monitor a master and know its address.
public struct RedisSentinels: Sendable, Hashable {
    /// A host with a port.
    public struct Place: Sendable, Hashable, CustomStringConvertible {
        /// The host's name or address.
        public let host: String
        /// The port.
        public let port: UInt16

        /// Describes a place.
        public init(host: String, port: UInt16) {
            self.host = host
            self.port = port
        }

        /// `10.0.0.11:26379`, `[fd00::11]:26379`.
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// A Sentinel's answer about the master.
    public struct Answer: Sendable, Hashable {
        /// The master's address.
        public let master: Place
        /// Whether the Sentinel itself has lost its connection to it, without counting it as down
        /// yet.
        let isDisconnected: Bool
    }

    /// A port on this machine that forwards one connection to a place.
    public struct Tunnel: Sendable {
        let address: String
        let port: UInt16
        let close: @Sendable () async -> Void

        /// Describes a tunnel; `close` closes it if nothing has connected to it.
        public init(address: String, port: UInt16, close: @escaping @Sendable () async -> Void = {}) {
            self.address = address
            self.port = port
            self.close = close
        }
    }

    /// Opens a tunnel to a place; `nil` if the place itself is dialled.
    public typealias Forward = @Sendable (Place) async throws -> Tunnel?

    /// The Sentinels, queried in this order.
    public let places: [Place]
    /// The name under which they monitor the master.
    public let masterName: String
    /// The Sentinels' own password; `nil` if they require none.
    public let password: Secret?
    /// How long each Sentinel may take to accept the connection, and for each answer.
    public let timeout: TimeLimit

    /// Describes a group of Sentinels; see the properties.
    public init(places: [Place], masterName: String, password: Secret?, timeout: TimeLimit) {
        self.places = places
        self.masterName = masterName
        self.password = password
        self.timeout = timeout
    }

    /// Connects to the master with `open` and the settings of `endpoint` except its address, and
    /// verifies with ROLE that it is the master.
    ///
    /// The Sentinels are queried in turn until one names an address where this works. An address
    /// that several name is tried once.
    public func connect<Face: RedisReading>(
        as endpoint: RedisEndpoint, through forward: Forward, observer: any ActivityObserver,
        open: (RedisEndpoint) async throws(RedisError) -> Face
    ) async throws -> Face {
        var failures: [RedisError] = []
        var dialled: Set<Place> = []
        for place in places {
            do {
                let answer = try await answer(of: place, through: forward, observer: observer)
                guard dialled.insert(answer.master).inserted else { continue }
                var target = endpoint
                (target.host, target.port) = (answer.master.host, answer.master.port)
                do {
                    return try await master(target.connect(through: forward, open: open), namedBy: place)
                } catch let error as RedisError where error.saysThatNobodyAnswers {
                    throw error.unreachable(master: answer, of: self, namedBy: place)
                }
            } catch let error as RedisError where error.allowsAnotherSentinel {
                failures.append(error)
            }
        }
        throw RedisError(failures, asking: self)
    }

    /// The answer of the Sentinel at `place`; throws if it knows no such master or considers it
    /// down.
    public func answer(of place: Place, through forward: Forward, observer: any ActivityObserver) async throws -> Answer
    {
        var endpoint = RedisEndpoint(
            host: place.host, port: place.port, password: password, connectTimeout: timeout, commandTimeout: timeout)
        endpoint.isSentinel = true
        do {
            let reader = try await endpoint.connect(through: forward) { (endpoint) throws(RedisError) in
                try await RedisReader.connect(to: endpoint, observer: observer)
            }
            do {
                let answer = try await ask(reader)
                await reader.connection.close()
                return answer
            } catch {
                await reader.connection.close()
                throw error
            }
        } catch let error as RedisError {
            throw error.fromSentinel(of: masterName)
        }
    }

    private func ask(_ sentinel: RedisReader) async throws(RedisError) -> Answer {
        guard let address = try await sentinel.strings(["SENTINEL", "get-master-addr-by-name", masterName]) else {
            let known = try await sentinel.namesOfMasters()
            throw RedisError(masterUnknown: masterName, known: known, place: sentinel.connection.endpoint.place)
        }
        guard address.count == 2, let port = UInt16(address[1]) else {
            throw RedisError(notSentinel: sentinel.connection.endpoint.place)
        }
        let state = Self.table(try await sentinel.strings(["SENTINEL", "master", masterName]) ?? [])
        let flags = Set((state["flags"] ?? "").split(separator: ",").map(String.init))
        let master = Place(host: address[0], port: port)
        let down = flags.intersection(["s_down", "o_down", "failover_in_progress", "force_failover"])
        guard down.isEmpty else {
            throw RedisError(masterDown: master, flags: down, of: self, place: sentinel.connection.endpoint.place)
        }
        return Answer(master: master, isDisconnected: flags.contains("disconnected"))
    }

    private func master<Face: RedisReading>(
        _ face: Face, namedBy sentinel: Place
    ) async throws(RedisError) -> Face {
        do throws(RedisError) {
            let role = try await face.role()
            guard role.isMaster else {
                throw RedisError(
                    notMaster: role, at: face.connection.endpoint.place, of: self, namedBy: sentinel)
            }
            return face
        } catch {
            await face.connection.close()
            throw error
        }
    }

    /// Alternating names and values as a table.
    static func table(_ words: [String]) -> [String: String] {
        stride(from: 0, to: words.count - 1, by: 2).reduce(into: [:]) { $0[words[$1]] = words[$1 + 1] }
    }
}

/// A server's role in replication.
struct RedisRole: Sendable, Hashable {
    /// `master`, `slave` or `sentinel`.
    let name: String
    /// The master's `host:port`, for a replica.
    let master: String?

    var isMaster: Bool { name == "master" }
}

extension RedisReading {
    /// Reads the role, as client libraries do after a Sentinel has named the address.
    func role() async throws(RedisError) -> RedisRole {
        guard case .array(let parts?) = try await connection.run(Command(["ROLE"], .read)),
            case .bulk(let name?)? = parts.first
        else { throw unexpected(["ROLE"]) }
        var master: String?
        if parts.count > 2, case .bulk(let host?) = parts[1], case .integer(let port) = parts[2] {
            master = "\(String(decoding: host, as: UTF8.self)):\(port)"
        }
        return RedisRole(name: String(decoding: name, as: UTF8.self), master: master)
    }

    /// The names of all masters that a Sentinel monitors.
    fileprivate func namesOfMasters() async throws(RedisError) -> [String] {
        let words = ["SENTINEL", "masters"]
        guard case .array(let masters?) = try await connection.run(Command(words, .read)) else {
            throw unexpected(words)
        }
        return masters.compactMap { master in
            guard case .array(let fields?) = master else { return nil }
            let texts = fields.compactMap { field in
                if case .bulk(let bytes?) = field { String(decoding: bytes, as: UTF8.self) } else { nil }
            }
            return RedisSentinels.table(texts)["name"]
        }
    }
}
