import ClientKit
import Foundation

/// A public key in the form in which it travels and is written in files.
struct PublicKey: Hashable, Sendable {
    /// The raw key: its type, then what the type asks for.
    let blob: [UInt8]

    /// The name of the kind of key, such as `ssh-ed25519`.
    var type: String {
        var reader = WireReader(blob)
        return reader.text() ?? "?"
    }

    /// Whether the text is the name of a kind of key that OpenSSH knows.
    static func isType(_ text: String) -> Bool {
        ["ssh-", "ecdsa-", "sk-"].contains { text.hasPrefix($0) }
    }

    /// Whether libssh2 can prove that one has it; it cannot for security keys and certificates.
    var isUsable: Bool {
        let curves = ["nistp256", "nistp384", "nistp521"].map { "ecdsa-sha2-\($0)" }
        return (["ssh-ed25519", "ssh-rsa"] + curves).contains(type)
    }

    /// `SHA256:…`, as OpenSSH prints it.
    var fingerprint: String {
        let digest = Data(SHA256.hash(data: blob).bytes).base64EncodedString()
        return "SHA256:" + digest.prefix { $0 != "=" }
    }

    /// The type and the key in base64, as in `known_hosts` and `authorized_keys`.
    var line: String { "\(type) \(Data(blob).base64EncodedString())" }

    init(blob: [UInt8]) {
        self.blob = blob
    }

    /// Reads type and base64; nil where they are not a key, or not of that type.
    init?(type: some StringProtocol, base64: some StringProtocol) {
        // Foundation takes what OpenSSH does not, such as too many `=`.
        guard let data = Data(base64Encoded: String(base64)), !data.isEmpty,
            data.base64EncodedString() == base64
        else { return nil }
        blob = [UInt8](data)
        guard self.type == type else { return nil }
    }
}
