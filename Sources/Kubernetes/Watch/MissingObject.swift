/// A ConfigMap or Secret, or a key of one, that the kubelet did not find according to its message.
struct MissingObject: Sendable, Hashable, CustomStringConvertible {
    let kind: String
    let name: String
    let key: String?

    /// Reads `configmap "settings" not found` and
    /// `couldn't find key A in ConfigMap support/settings`.
    init?(_ message: String) {
        func kind(_ word: Substring) -> String {
            word.lowercased() == "secret" ? "Secret" : "ConfigMap"
        }
        if let match = message.firstMatch(of: /(configmap|secret) "([^"]+)" not found/) {
            self.init(kind: kind(match.1), name: String(match.2), key: nil)
        } else if let match = message.firstMatch(
            of: /find key (\S+) in (ConfigMap|Secret) [^\s\/]+\/(\S+)/)
        {
            self.init(kind: kind(match.2), name: String(match.3), key: String(match.1))
        } else {
            return nil
        }
    }

    init(kind: String, name: String, key: String?) {
        self.kind = kind
        self.name = name
        self.key = key
    }

    /// Whether `object` is what was missing.
    func isFound(in object: JSONValue) -> Bool {
        guard let key else { return true }
        return object["data", key] != nil || object["binaryData", key] != nil
    }

    /// `Secret passwords with key A`.
    var description: String { "\(kind) \(name)\(key.map { " with key \($0)" } ?? "")" }
}
