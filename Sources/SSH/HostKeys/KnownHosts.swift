/// The contents of `known_hosts` files, and the verdict on a key that a host offers.
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

    /// The verdict on an offered key.
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

    private var files: [KnownHostsFile] = []

    /// Adds the entries of a file.
    mutating func add(_ file: KnownHostsFile) {
        files.append(file)
    }

    /// The keys trusted for a host, in the order of the files.
    func trustedKeys(host: String, port: UInt16) -> [Trusted] {
        let names = Self.names(host: host, port: port)
        // As in OpenSSH, an entry without the port counts where there is none with it.
        for name in names {
            let keys = entries(for: name).compactMap { entry -> Trusted? in
                guard case .key(let key) = entry.content else { return nil }
                return Trusted(key: key, location: entry.location)
            }
            if !keys.isEmpty { return keys }
        }
        return []
    }

    /// The verdict on `key`, offered by a host.
    func verdict(on key: PublicKey, host: String, port: UInt16) -> Verdict {
        let concerning = Self.names(host: host, port: port).flatMap(entries)
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

    private func entries(for name: String) -> [KnownHostsFile.Entry] {
        files.flatMap { $0.entries(for: name) }
    }
}
