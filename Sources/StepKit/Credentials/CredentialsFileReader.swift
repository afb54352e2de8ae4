import ClientKit

/// Reads typed values out of one credentials file, collecting what is missing or wrong.
struct CredentialsFileReader {
    let file: String
    let values: [String: Secret]
    private(set) var problems: [CredentialsProblem] = []

    init(file: String, values: [String: Secret]) {
        self.file = file
        self.values = values
    }

    /// The value of the first of `keys` that has one; if none has, the empty secret, and a problem
    /// is reported.
    mutating func secret(_ keys: String...) -> Secret {
        required(keys)
    }

    /// Like ``secret(_:)``, for values that may be printed.
    mutating func text(_ keys: String...) -> String {
        required(keys).reveal()
    }

    /// The value of `key`; nil if it is absent or empty.
    func optionalSecret(_ key: String) -> Secret? {
        values[key].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Like ``optionalSecret(_:)``, for values that may be printed.
    func optionalText(_ key: String) -> String? {
        optionalSecret(key)?.reveal()
    }

    /// A TCP port; nil if `key` is absent or empty.
    mutating func optionalPort(_ key: String) -> Int? {
        guard let text = optionalText(key) else {
            return nil
        }
        guard let port = Int(text), (1...65535).contains(port) else {
            report("\(key) is not a TCP port", remedy: "write a number from 1 to 65535")
            return nil
        }
        return port
    }

    mutating func report(_ message: String, remedy: String) {
        problems.append(CredentialsProblem(file: file, line: nil, message: message, remedy: remedy))
    }

    /// Reports each variable to which `objection` objects.
    mutating func refuse(_ objection: (String) -> String?) {
        for name in values.keys.sorted() {
            if let objection = objection(name) {
                report("\(name) \(objection)", remedy: "remove \(name) from \(file)")
            }
        }
    }

    private mutating func required(_ keys: [String]) -> Secret {
        for key in keys {
            if let value = optionalSecret(key) {
                return value
            }
        }
        let names = keys.prefix(1) + keys.dropFirst().map { "or \($0)" }
        report(
            "\(names.joined(separator: " ")) is missing or empty",
            remedy: "add the line \(keys[0])='…' to \(file)")
        return Secret("")
    }
}
