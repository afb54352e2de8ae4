import ClientKit
import Foundation

/// A signature over a message in the form that `ssh-keygen -Y sign` writes and `ssh-keygen -Y
/// verify` accepts (SSHSIG).
public struct SSHSignature: Sendable, Hashable {
    /// The public key that is said to have signed.
    let key: PublicKey
    /// What the signature is for, so that one made for something else does not count.
    public let namespace: String
    let hash: String
    let signature: KeySignature

    /// `SHA256:…`, as OpenSSH prints the key.
    public var fingerprint: String { key.fingerprint }

    /// The key's type and fingerprint.
    public var keyName: String { "\(key.type) \(key.fingerprint)" }

    /// The public key, where it is a plain ed25519 key.
    public var ed25519Key: [UInt8]? {
        guard case .ed25519(let bytes) = key.half else { return nil }
        return bytes
    }

    private static let magic = Array("SSHSIG".utf8)
    private static let first = "-----BEGIN SSH SIGNATURE-----"
    private static let last = "-----END SSH SIGNATURE-----"

    init(key: PublicKey, namespace: String, signature: KeySignature) {
        self.key = key
        self.namespace = namespace
        self.signature = signature
        hash = "sha512"
    }

    /// Reads the text form; nil where it is not one, or of another version.
    public init?(_ text: some StringProtocol) {
        let lines = text.split { $0.isNewline }.map { String($0) }
        guard lines.first == Self.first, lines.last == Self.last, lines.count > 2,
            let data = Data(base64Encoded: lines.dropFirst().dropLast().joined()), data.starts(with: Self.magic)
        else { return nil }
        var reader = WireReader(data.dropFirst(Self.magic.count))
        guard reader.uint32() == 1, let blob = reader.string(), let namespace = reader.text(),
            reader.string() != nil, let hash = reader.text(), let wire = reader.string(), reader.byte() == nil,
            let signature = KeySignature(wire: wire)
        else { return nil }
        key = PublicKey(blob: blob)
        (self.namespace, self.hash, self.signature) = (namespace, hash, signature)
    }

    /// The text form.
    public var armored: String {
        let blob =
            Self.magic + WireReader.uint32(1) + WireReader.string(key.blob) + WireReader.string(namespace.utf8)
            + WireReader.string([]) + WireReader.string(hash.utf8) + WireReader.string(signature.wire)
        let text = Data(blob).base64EncodedString(options: [.lineLength76Characters, .endLineWithLineFeed])
        return "\(Self.first)\n\(text)\n\(Self.last)\n"
    }

    /// What a key signs for `message`.
    static func signedData(_ message: [UInt8], namespace: String) -> [UInt8] {
        magic + WireReader.string(namespace.utf8) + WireReader.string([]) + WireReader.string("sha512".utf8)
            + WireReader.string(sha512(of: message).bytes)
    }

    /// Whether the key has signed `message`; whose key it is, is another question.
    public func isRight(over message: [UInt8]) -> Bool {
        let data: [UInt8]
        switch hash {
        case "sha512": data = Self.signedData(message, namespace: namespace)
        default: return false
        }
        return signature.isRight(over: data, by: key)
    }
}
