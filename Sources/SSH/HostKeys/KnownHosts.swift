import ClientKit
import Foundation

/// The contents of `known_hosts` files, and the judgement on a key that a host offers.
///
/// It fails closed. It understands what OpenSSH does, except certificate authorities: hashed names, `[host]:port`, lists, wildcards, `!`, `@revoked`.
/// As in OpenSSH, a malformed line is skipped, which can only make a host unknown; but where it begins with `@`, and so may
/// be meant as a revocation, and may concern the host, no key is accepted.
struct KnownHosts: Sendable {
    /// Where an entry stands: `file:line`.
    struct Location: Hashable, Sendable, CustomStringConvertible {
        let file: String
        let line: Int
        var description: String { "\(file):\(line)" }
    }

    /// A key that is trusted for the host.
    struct Trusted: Hashable, Sendable {
        let key: PublicKey
        let location: Location
    }

    /// What is to be thought of an offered key.
    enum Verdict: Hashable, Sendable {
        /// The files have this very key for the host.
        case trusted(Location)
        /// The key is revoked.
        case revoked(Location)
        /// This line begins with `@` and cannot be understood: it may be meant as a revocation.
        case unreadableMarker(Location)
        /// The files have other keys for the host.
        case different([Trusted])
        /// The files have no key for the host, but a certificate authority.
        case certificateAuthority(Location)
        /// The files say nothing about the host.
        case unknown
    }

    private enum Content: Sendable {
        case key(PublicKey)
        case authority
        case revoked(PublicKey)
        case unreadableMarker
    }

    private struct Entry: Sendable {
        let hosts: HostPatterns
        let content: Content
        let location: Location
    }

    private var entries: [Entry] = []

    /// Adds the entries of a file's contents; `name` is what errors call it.
    ///
    /// Of a file with hundreds of hosts only what concerns `destination` is kept, if one is given.
    mutating func add(
        _ contents: some Collection<UInt8>, from name: String, for destination: SSHDestination? = nil
    ) {
        let names = destination.map { Self.names(host: $0.address, port: $0.port) }
        let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let location = Location(file: name, line: index + 1)
            let text = String(decoding: line, as: UTF8.self)
            if let entry = Self.entry(text, at: location, for: names) { entries.append(entry) }
        }
    }

    /// The keys trusted for a host, in the order of the files.
    func trustedKeys(host: String, port: UInt16) -> [Trusted] {
        let names = Self.names(host: host, port: port)
        // As in OpenSSH, an entry without the port counts where there is none with it.
        for name in names {
            let keys = entries.compactMap { entry -> Trusted? in
                guard case .key(let key) = entry.content, entry.hosts.match(name) else { return nil }
                return Trusted(key: key, location: entry.location)
            }
            if !keys.isEmpty { return keys }
        }
        return []
    }

    /// The judgement on `key`, offered by a host.
    func verdict(on key: PublicKey, host: String, port: UInt16) -> Verdict {
        let names = Self.names(host: host, port: port)
        let concerning = entries.filter { entry in names.contains(where: entry.hosts.match) }
        for entry in concerning {
            if case .revoked(key) = entry.content { return .revoked(entry.location) }
            if case .unreadableMarker = entry.content { return .unreadableMarker(entry.location) }
        }
        let trusted = trustedKeys(host: host, port: port)
        if let match = trusted.first(where: { $0.key == key }) { return .trusted(match.location) }
        if !trusted.isEmpty { return .different(trusted) }
        for entry in concerning {
            if case .authority = entry.content { return .certificateAuthority(entry.location) }
        }
        return .unknown
    }

    /// The name to look up first, and write: `host`, or `[host]:port` where the port is not 22.
    static func name(host: String, port: UInt16) -> String {
        port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)"
    }

    private static func names(host: String, port: UInt16) -> [String] {
        port == 22 ? [name(host: host, port: port)] : [name(host: host, port: port), host.lowercased()]
    }

    private static func entry(_ line: String, at location: Location, for names: [String]?) -> Entry? {
        var fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" })[...]
        guard let first = fields.first, !first.hasPrefix("#") else { return nil }
        let marker = first.hasPrefix("@") ? fields.removeFirst() : ""
        let hosts = fields.popFirst().flatMap(HostPatterns.init)
        if let names, let hosts, !names.contains(where: hosts.match) { return nil }
        let key =
            fields.count >= 2 ? PublicKey(type: fields[fields.startIndex], base64: fields[fields.startIndex + 1]) : nil
        switch (marker, hosts, key) {
        case ("", let hosts?, let key?): return Entry(hosts: hosts, content: .key(key), location: location)
        case ("", _, _): return nil
        case ("@revoked", let hosts?, let key?): return Entry(hosts: hosts, content: .revoked(key), location: location)
        case ("@cert-authority", let hosts?, _): return Entry(hosts: hosts, content: .authority, location: location)
        default: return Entry(hosts: hosts ?? .everyHost, content: .unreadableMarker, location: location)
        }
    }
}

/// The first field of a `known_hosts` line.
struct HostPatterns: Sendable {
    private enum Form {
        case list([Substring])
        case hash(Data, salt: Data)
    }

    /// Names every host.
    static let everyHost = HostPatterns(form: .list(["*"]))

    /// The bytes of a SHA-1.
    private static let hashLength = 20

    private let form: Form

    private init(form: Form) {
        self.form = form
    }

    /// Reads the field; nil where it is a hash that cannot be one.
    init?(_ field: Substring) {
        guard field.hasPrefix("|") else {
            form = .list(field.lowercased().split(separator: ","))
            return
        }
        let parts = field.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1] == "1", let salt = Data(base64Encoded: String(parts[2])),
            let hash = Data(base64Encoded: String(parts[3])), hash.count == Self.hashLength
        else { return nil }
        form = .hash(hash, salt: salt)
    }

    /// Whether the field names `name`, which must be in lower case.
    func match(_ name: String) -> Bool {
        switch form {
        case .hash(let hash, let salt):
            // SHA-1 is what the file format prescribes; it hides names and protects nothing.
            return hmacSHA1(name, salt: salt).bytes.elementsEqual(hash)
        case .list(let patterns):
            let matching = patterns.filter { pattern in
                Self.match(pattern.hasPrefix("!") ? pattern.dropFirst().utf8 : pattern.utf8, name: name[...].utf8)
            }
            return !matching.isEmpty && !matching.contains { $0.hasPrefix("!") }
        }
    }

    /// `*` and `?` as OpenSSH has them; time is bounded by the product of the lengths.
    private static func match(_ pattern: Substring.UTF8View, name: Substring.UTF8View) -> Bool {
        var pattern = pattern
        var name = name
        var retry: (pattern: Substring.UTF8View, name: Substring.UTF8View)?
        while let character = name.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, name.dropFirst())
            } else if let expected = pattern.first, expected == UInt8(ascii: "?") || expected == character {
                pattern = pattern.dropFirst()
                name = name.dropFirst()
            } else if let (afterStar, rest) = retry {
                pattern = afterStar
                name = rest
                retry = (afterStar, rest.dropFirst())
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
