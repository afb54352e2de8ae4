import ClientKit
import Foundation

extension KeyFile {
    /// The private key, for signing; nil where OpenSSL cannot use it, or the passphrase is wrong.
    func signatureKey(passphrase: Secret) -> SignatureKey? {
        guard isOpenSSH else { return SignatureKey(pem: contents, passphrase: passphrase) }
        return isEncrypted ? nil : Self.openSSHPrivateKey(Self.body(contents.reveal()))
    }

    /// Whether it has the form whose encryption OpenSSL does not know.
    var isOpenSSH: Bool { contents.reveal().contains("-----BEGIN OPENSSH PRIVATE KEY-----") }

    private static func openSSHPrivateKey(_ body: [UInt8]) -> SignatureKey? {
        var reader = WireReader(body.dropFirst("openssh-key-v1\0".utf8.count))
        guard reader.text() == "none", reader.string() != nil, reader.string() != nil, reader.uint32() == 1,
            let blob = reader.string(), let section = reader.string(), let half = PublicKey(blob: blob).half
        else { return nil }
        var secret = WireReader(section)
        guard let check = secret.uint32(), check == secret.uint32(), secret.text() == PublicKey(blob: blob).type
        else { return nil }
        switch half {
        case .ed25519:
            guard secret.string() != nil, let pair = secret.string(), pair.count == 64 else { return nil }
            return SignatureKey(half, secret: Array(pair.prefix(32)))
        case .ecdsa:
            guard secret.string() != nil, secret.string() != nil, let scalar = secret.string() else { return nil }
            return SignatureKey(half, secret: scalar)
        case .rsa:
            guard secret.string() != nil, secret.string() != nil, let exponent = secret.string() else { return nil }
            return SignatureKey(half, secret: exponent)
        }
    }
}
