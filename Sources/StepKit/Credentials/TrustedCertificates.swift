import ClientKit

/// The CA certificates that the inventory names for the services, as PEM text; nil if it names
/// none, or the system's.
public struct TrustedCertificates: Sendable, Hashable {
    /// The CAs of PostgreSQL's certificate.
    public var postgres: String?

    /// The CAs of Redis'.
    public var redis: String?

    /// No CA certificates.
    public init() {}

    /// Reads the files that `inventory` names.
    ///
    /// Blocks on the files: call it off the cooperative pool.
    public init(for inventory: Inventory) throws(StepFailure) {
        if case .file(let path) = inventory.postgres.rootCertificate {
            postgres = try Self.read(path, key: "postgres.rootCertificate")
        }
        if case .file(let path) = inventory.redis.rootCertificate {
            redis = try Self.read(path, key: "redis.rootCertificate")
        }
    }

    /// The certificates in the file at `path`, without anything else in it.
    static func read(_ path: String, key: String) throws(StepFailure) -> String {
        func refusal(_ cause: String, _ remedy: String) -> StepFailure {
            StepFailure("read \(key), \(path)", cause: cause, remedy: remedy, kind: .badInput)
        }
        let text: String
        do {
            text = String(decoding: try PrivateFile.contents(of: path).bytes, as: UTF8.self)
        } catch {
            throw refusal("it cannot be read: \(error)", "name the file of the authority's certificate, in PEM")
        }
        // It would become part of a ConfigMap, which everyone who can read the namespace can read.
        guard !text.contains("PRIVATE KEY-----") else {
            throw refusal("it holds a private key", "name a file with the authority's certificate alone")
        }
        let blocks = text.matches(
            of: /-----BEGIN (TRUSTED )?CERTIFICATE-----[A-Za-z0-9+\/=\s]+-----END (TRUSTED )?CERTIFICATE-----/)
        guard !blocks.isEmpty else {
            throw refusal(
                "it holds no certificate in PEM",
                "convert it: openssl x509 -inform DER -in \(ShellWord.quoteIfNeeded(path)) -out ca.pem")
        }
        return blocks.map { $0.output.0 + "\n" }.joined()
    }
}
