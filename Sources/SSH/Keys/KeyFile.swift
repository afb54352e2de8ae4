import ClientKit
import Foundation
import Glibc

/// A private key file, examined closely enough to say in advance why it cannot be used.
struct KeyFile: Sendable {
    /// Why a key file cannot be used.
    struct Problem: Error, Hashable {
        let cause: String
        let remedy: String
        var kind = FailureKind.refused
    }

    let path: String
    /// The file's contents, for libssh2.
    let contents: Secret
    /// Whether a passphrase is needed.
    let isEncrypted: Bool
    /// The public half as the file shows it, even where it is encrypted.
    private let shownKey: PublicKey?
    /// The key for logins; nil where libssh2 must read the file itself.
    private(set) var loginKey: LoginKey?

    /// The public half, as far as it is known.
    var publicKey: PublicKey? { shownKey ?? loginKey?.publicKey }

    /// What errors call the key.
    var summary: String { publicKey.map { "\(path), \($0.type) \($0.fingerprint)" } ?? path }

    private static let files = FileCache<KeyFile>()
    private static let generate =
        "create another with ssh-keygen -t ed25519, and name its path in the inventory"

    /// The file at `path`, read and examined once for all hosts.
    static func shared(_ path: String) throws(Problem) -> KeyFile {
        try files.value(at: path) { () throws(Problem) in try KeyFile(path: path) }
    }

    /// Reads and examines the file at `path`.
    init(path: String, supportsRSA: Bool = Session.supportsRSAWithSHA2) throws(Problem) {
        self.path = path
        let text = Self.asLibraryReads(try Self.read(path))
        contents = Secret(text)
        let header = text.split(separator: "\n").first { !$0.isEmpty }?.trimmingCharacters(in: .whitespaces) ?? ""
        var key: PublicKey?
        var isRSA = false
        switch header {
        case "-----BEGIN OPENSSH PRIVATE KEY-----":
            let (cipher, publicKey) = try Self.openSSH(text, path: path)
            key = publicKey
            isEncrypted = cipher != "none"
            isRSA = publicKey.type == "ssh-rsa"
            guard ["none", "aes256-ctr", "aes256-cbc"].contains(cipher) else {
                throw Problem(
                    cause: "\(path) is encrypted with \(cipher), which libssh2 \(Session.version) cannot read",
                    remedy: "encrypt it again with ssh-keygen -p -Z aes256-ctr -f \(path)")
            }
        case "-----BEGIN EC PRIVATE KEY-----":
            isEncrypted = text.contains("Proc-Type: 4,ENCRYPTED")
        case "-----BEGIN RSA PRIVATE KEY-----":
            isEncrypted = text.contains("Proc-Type: 4,ENCRYPTED")
            isRSA = true
        case "-----BEGIN ENCRYPTED PRIVATE KEY-----":
            isEncrypted = true
        case "-----BEGIN PRIVATE KEY-----":
            isEncrypted = false
            isRSA = Self.body(text).contains(
                subsequence: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01])
        default:
            let isPublic = header.hasPrefix("ssh-") || header.hasPrefix("ecdsa-") || header.hasPrefix("sk-")
            throw Problem(
                cause: isPublic ? "\(path) is a public key" : "\(path) is not a private key that can be used here",
                remedy: isPublic ? "name the private key, the file without .pub" : Self.generate)
        }
        shownKey = key
        if let type = key?.type, type != "ssh-rsa", type != "ssh-ed25519", !type.hasPrefix("ecdsa-sha2-") {
            throw Problem(cause: "\(path) is a key of type \(type), which is not supported", remedy: Self.generate)
        }
        if isRSA, !supportsRSA { throw Self.noRSA("\(path) is an RSA key", remedy: Self.generate) }
        // libssh2 decrypts OpenSSH's own form, and chooses the hash of an RSA signature.
        if !isEncrypted, !isRSA { loginKey = signatureKey(passphrase: Secret("")).flatMap(LoginKey.init) }
    }

    /// The same with the key for logins, unless libssh2 must decrypt it: OpenSSL reads more kinds of keys.
    func decrypted(with passphrase: Secret) throws(Problem) -> KeyFile {
        guard isEncrypted, !isOpenSSH else { return self }
        guard let key = signatureKey(passphrase: passphrase) else {
            throw Problem(
                cause: "the passphrase is wrong, or \(path) is of a kind that OpenSSL cannot read",
                remedy: "try again with the right one, or load the key into an agent with ssh-add \(path)")
        }
        if case .rsa = key.publicHalf {
            if Session.supportsRSAWithSHA2 { return self }
            throw Self.noRSA("\(path) is an RSA key", remedy: Self.generate)
        }
        var file = self
        file.loginKey = LoginKey(key)
        return file
    }

    /// Why an RSA key cannot be used with the library that is installed.
    static func noRSA(_ subject: String, remedy: String) -> Problem {
        Problem(
            cause: "\(subject), and libssh2 \(Session.version) can only sign with RSA and SHA-1, which servers since "
                + "OpenSSH 8.8 refuse", remedy: remedy)
    }

    private static func read(_ path: String) throws(Problem) -> String {
        let correct = "correct the path of the key in the inventory"
        let (bytes, status): ([UInt8], stat)
        do {
            (bytes, status) = try readFile(path)
        } catch {
            throw Problem(
                cause: "\(path): \(errnoText(error.code))",
                remedy: error.isShortage ? SSHDestination.remedy(forShortage: error.code) : correct,
                kind: error.isShortage ? .failed : error.code == ENOENT ? .badInput : .refused)
        }
        guard status.st_mode & S_IFMT == S_IFREG, bytes.count < 1 << 20 else {
            throw Problem(cause: "\(path) is not a key file", remedy: correct)
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Problem(
                cause: "\(path) can be read by users other than its owner (mode 0\(mode))", remedy: "chmod 600 \(path)")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text with Unix line ends, and without the parameters that `openssl ecparam -genkey` writes before the key, which
    /// has them as well.
    private static func asLibraryReads(_ text: String) -> String {
        let text = text.replacing("\r\n", with: "\n")
        guard text.hasPrefix("-----BEGIN EC PARAMETERS-----"),
            let key = text.range(of: "-----BEGIN EC PRIVATE KEY-----")
        else { return text }
        return String(text[key.lowerBound...])
    }

    /// The cipher and the public key, which even an encrypted file shows.
    private static func openSSH(_ text: String, path: String) throws(Problem) -> (cipher: String, key: PublicKey) {
        let magic = Array("openssh-key-v1\0".utf8)
        let body = body(text)
        var reader = WireReader(body.dropFirst(magic.count))
        guard body.starts(with: magic), let cipher = reader.text(), reader.string() != nil, reader.string() != nil,
            reader.uint32() == 1, let blob = reader.string()
        else {
            throw Problem(
                cause: "\(path) is damaged", remedy: "restore it, or create another with ssh-keygen -t ed25519")
        }
        return (cipher, PublicKey(blob: blob))
    }

    static func body(_ text: String) -> [UInt8] {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("-----") }
        return Data(base64Encoded: lines.joined(), options: .ignoreUnknownCharacters).map { [UInt8]($0) } ?? []
    }
}

extension [UInt8] {
    fileprivate func contains(subsequence: [UInt8]) -> Bool {
        indices.contains { self[$0...].starts(with: subsequence) }
    }
}
