import CLibSSH2

/// The algorithms a server offers, read from the clear beginning of the connection, to explain a failed key exchange.
struct ServerProposal {
    private static let kinds = [
        (LIBSSH2_METHOD_KEX, "key exchange"), (LIBSSH2_METHOD_HOSTKEY, "host key"),
        (LIBSSH2_METHOD_CRYPT_CS, "cipher"), (LIBSSH2_METHOD_CRYPT_SC, "cipher"), (LIBSSH2_METHOD_MAC_CS, "MAC"),
        (LIBSSH2_METHOD_MAC_SC, "MAC"),
    ]

    /// The server's name lists, in the order of ``kinds``.
    private let lists: [[String]]

    /// Reads the first packet after the version line; nil where it is not all there.
    init?(preamble: [UInt8]) {
        var rest = preamble[...]
        while true {
            guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if line.starts(with: "SSH-".utf8) { break }
        }
        var reader = WireReader(rest)
        let keyExchangeInit: UInt8 = 20
        guard reader.uint32() != nil, reader.byte() != nil, reader.byte() == keyExchangeInit, reader.skip(16) != nil
        else { return nil }
        var lists: [[String]] = []
        for _ in Self.kinds {
            guard let list = reader.nameList() else { return nil }
            lists.append(list)
        }
        self.lists = lists
    }

    /// The kinds of host key that the server has.
    var hostKeyAlgorithms: [String] { lists[1] }

    /// The first kind of algorithm of which server and `session` have none in common, as a cause; nil where there is none.
    func mismatch(with session: Session) -> String? {
        for ((method, name), offered) in zip(Self.kinds, lists) {
            let supported = session.supported(method)
            if Set(offered).isDisjoint(with: supported) {
                return "no \(name) algorithm in common: the server offers \(offered.joined(separator: ", ")); "
                    + "libssh2 \(Session.version) has \(supported.joined(separator: ", "))"
            }
        }
        return nil
    }
}
