public import ClientKit

/// A connection through which keys can be read.
public protocol RedisReading: Sendable {
    /// The underlying connection.
    var connection: RedisConnection { get }
}

/// The connection for `check` and `verify`: it has no method that changes anything.
public struct RedisReader: RedisReading {
    /// The underlying connection.
    public let connection: RedisConnection

    /// Connects, authenticates, selects the database, and verifies with PING that the server
    /// responds.
    public static func connect(
        to endpoint: RedisEndpoint, observer: any ActivityObserver
    ) async throws(RedisError) -> RedisReader {
        RedisReader(connection: try await .open(endpoint, observer: observer))
    }
}

/// The connection for `apply`: reads like ``RedisReader``, and changes keys.
public struct RedisWriter: RedisReading {
    /// The underlying connection.
    public let connection: RedisConnection

    /// Connects, authenticates, selects the database, and verifies with PING that the server
    /// responds.
    public static func connect(
        to endpoint: RedisEndpoint, observer: any ActivityObserver
    ) async throws(RedisError) -> RedisWriter {
        RedisWriter(connection: try await .open(endpoint, observer: observer))
    }

    /// Sets a key to a string, replacing any value.
    public func set(_ key: String, to value: String) async throws(RedisError) {
        _ = try await connection.run(Command(["SET", key, value], .change))
    }

    /// Removes a key; returns whether it existed.
    @discardableResult
    public func delete(_ key: String) async throws(RedisError) -> Bool {
        try await integer(["DEL", key], .change) > 0
    }

    /// Removes keys; returns how many of them existed.
    @discardableResult
    public func delete(_ keys: [String]) async throws(RedisError) -> Int {
        var removed = 0
        // In batches: a server that is busy with one command serves no other client.
        for start in stride(from: 0, to: keys.count, by: 500) {
            let some = keys[start..<min(start + 500, keys.count)]
            removed += try await integer(["UNLINK"] + some, .change)
        }
        return removed
    }
}

/// A server's answer to INFO.
public struct RedisInfo: Sendable, Hashable {
    /// Every line of INFO's default sections.
    public let fields: [String: String]
    /// The version, such as `7.2.4`.
    public var version: String { fields["redis_version"] ?? "" }
    /// Whether it accepts writes: a master rather than a replica.
    public var isMaster: Bool { fields["role"] == "master" }
    /// Whether it is still loading its data.
    public var isLoading: Bool { fields["loading"] == "1" }

    init(text: String) {
        var fields: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        self.fields = fields
    }

    /// Whether the version is `minimum` or later, compared number by number.
    public func isAtLeast(_ minimum: String) -> Bool {
        func numbers(_ text: String) -> [Int] { text.split(separator: ".").map { Int($0) ?? 0 } }
        return !numbers(version).lexicographicallyPrecedes(numbers(minimum))
    }
}

extension RedisReading {
    /// Verifies with a round trip that the server still responds.
    public func ping() async throws(RedisError) {
        _ = try await connection.run(.ping)
    }

    /// Reads the server's INFO.
    public func info() async throws(RedisError) -> RedisInfo {
        RedisInfo(text: try await string(["INFO"]) ?? "")
    }

    /// Reads the server's INFO, and throws if an application cannot use it: it is not a single
    /// master, or older than `minimum`.
    @discardableResult
    public func requireVersion(_ minimum: String = "6.2") async throws(RedisError) -> RedisInfo {
        let info = try await info()
        if let error = info.unsuitability(
            at: connection.endpoint.place, attempt: "check whether Redis accepts writes")
        {
            throw error
        }
        guard info.isAtLeast(minimum) else {
            throw RedisError(
                .tooOld, attempt: "check the version of Redis", host: connection.endpoint.place,
                cause: "the server is Redis \(info.version); at least \(minimum) is needed",
                remedy: "upgrade Redis to \(minimum) or later", kind: .failed)
        }
        return info
    }

    /// The string under a key; `nil` where there is no such key.
    public func get(_ key: String) async throws(RedisError) -> String? {
        try await string(["GET", key])
    }

    /// Whether a key exists.
    public func exists(_ key: String) async throws(RedisError) -> Bool {
        try await integer(["EXISTS", key], .read) > 0
    }

    /// One field of a hash; `nil` where the key or the field does not exist.
    public func field(_ field: String, of key: String) async throws(RedisError) -> String? {
        try await string(["HGET", key, field])
    }

    /// All fields of a hash; empty where the key does not exist.
    public func fields(of key: String) async throws(RedisError) -> [String: String] {
        let list = try await strings(["HGETALL", key]) ?? []
        guard list.count.isMultiple(of: 2) else { throw unexpected(["HGETALL", key]) }
        return stride(from: 0, to: list.count, by: 2).reduce(into: [:]) { $0[list[$1]] = list[$1 + 1] }
    }

    /// The keys that begin with `prefix`, sorted; found without blocking the server, so that a key
    /// created in the meantime may be missing.
    public func keys(withPrefix prefix: String) async throws(RedisError) -> [String] {
        var found: Set<String> = []
        var cursor = "0"
        repeat {
            let words = ["SCAN", cursor, "MATCH", Self.literal(prefix) + "*", "COUNT", "5000"]
            guard case .array(let answer?) = try await connection.run(Command(words, .read)), answer.count == 2,
                case .bulk(let next?) = answer[0], case .array(let page?) = answer[1]
            else { throw unexpected(words) }
            for case .bulk(let key?) in page { found.insert(String(decoding: key, as: UTF8.self)) }
            cursor = String(decoding: next, as: UTF8.self)
        } while cursor != "0"
        return found.sorted()
    }

    /// `text` as a pattern that matches it and nothing else.
    private static func literal(_ text: String) -> String {
        String(text.flatMap { "*?[]\\^-".contains($0) ? ["\\", $0] : [$0] })
    }

    /// All members of a set; empty where the key does not exist.
    public func members(of key: String) async throws(RedisError) -> Set<String> {
        Set(try await strings(["SMEMBERS", key]) ?? [])
    }

    private func string(_ words: [String]) async throws(RedisError) -> String? {
        guard case .bulk(let bytes) = try await connection.run(Command(words, .read)) else { throw unexpected(words) }
        return bytes.map { String(decoding: $0, as: UTF8.self) }
    }

    /// A list of strings; `nil` if the server returns none.
    func strings(_ words: [String]) async throws(RedisError) -> [String]? {
        guard case .array(let found) = try await connection.run(Command(words, .read)) else { throw unexpected(words) }
        guard let elements = found else { return nil }
        var list: [String] = []
        for element in elements {
            guard case .bulk(let bytes?) = element else { throw unexpected(words) }
            list.append(String(decoding: bytes, as: UTF8.self))
        }
        return list
    }

    func integer(_ words: [String], _ effect: Effect) async throws(RedisError) -> Int {
        guard case .integer(let number) = try await connection.run(Command(words, effect)) else {
            throw unexpected(words)
        }
        return number
    }

    func unexpected(_ words: [String]) -> RedisError {
        RedisError(
            .unexpectedAnswer, attempt: Command(words, .read).attempt, host: connection.endpoint.place,
            cause: "the answer has another type than this command returns",
            remedy: "check what answers at this port: it does not speak the Redis protocol", kind: .failed)
    }
}

extension RESPValue {
    /// The answer as text for the record, one string per line.
    var recordedText: String {
        switch self {
        case .simple(let text), .error(let text): text + "\n"
        case .integer(let number): "\(number)\n"
        case .bulk(let bytes): (bytes.map { String(decoding: $0, as: UTF8.self) } ?? "(nil)") + "\n"
        case .array(let elements): elements?.map(\.recordedText).joined() ?? "(nil)\n"
        }
    }
}
