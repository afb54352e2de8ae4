public import ClientKit
import Foundation

/// The operator's own SSH key, which signs records: by the agent, or from its file.
public struct OperatorKey: Sendable {
    /// Why nothing was signed.
    public struct Refusal: Error, Sendable, Hashable {
        /// What came back, in words.
        public let cause: String
        /// What to do, in words.
        public let remedy: String
    }

    private let identity: SSHDestination.Identity
    private let agentSocket: String?
    private let agentLimit: TimeLimit
    private let passphrase: @Sendable (String) async -> Secret?

    /// Nothing is read or asked yet.
    ///
    /// - Parameters:
    ///   - identity: The key that hosts are logged in to with.
    ///   - agentSocket: The agent's socket; `SSH_AUTH_SOCK` where nil.
    ///   - agentLimit: How long the agent may take, which may ask its user.
    ///   - passphrase: Asks for the passphrase of the key file at a path.
    public init(
        _ identity: SSHDestination.Identity, agentSocket: String? = nil, agentLimit: TimeLimit = .seconds(30),
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) {
        self.identity = identity
        self.agentSocket = agentSocket
        self.agentLimit = agentLimit
        self.passphrase = passphrase
    }

    /// The signature over `message`, as `ssh-keygen -Y sign -n NAMESPACE` makes it.
    public func sign(_ message: [UInt8], namespace: String) async throws(Refusal) -> SSHSignature {
        let (key, signature) = try await signature(over: SSHSignature.signedData(message, namespace: namespace))
        return SSHSignature(key: key, namespace: namespace, signature: signature)
    }

    /// The bare signature of a plain ed25519 key over `data`, and the public key; nil where the key is
    /// of another kind.
    public func ed25519Signature(
        over data: [UInt8]
    ) async throws(Refusal) -> (key: [UInt8], signature: [UInt8])? {
        let (key, signature) = try await signature(over: data)
        guard case .ed25519(let bytes) = key.half else { return nil }
        return (bytes, signature.bytes)
    }

    private func signature(over data: [UInt8]) async throws(Refusal) -> (PublicKey, KeySignature) {
        switch identity {
        case .agent(let wanted):
            return try await blocking { () throws(Refusal) in
                try self.agentSignature(over: data, by: try Self.fingerprint(wanted), wanted: wanted)
            }
        case .keyFile(let path):
            let file = try await blocking { () throws(Refusal) in try Self.keyFile(path) }
            if file.isEncrypted, file.isOpenSSH, let key = file.publicKey {
                return try await blocking { () throws(Refusal) in
                    do throws(Refusal) {
                        return try self.agentSignature(over: data, by: key.fingerprint, wanted: path)
                    } catch {
                        throw Refusal(
                            cause: "\(path) is encrypted, which only an agent can sign with, and \(error.cause)",
                            remedy: "load the key into an agent with ssh-add \(path)")
                    }
                }
            }
            var words = Secret("")
            if file.isEncrypted {
                guard let given = await passphrase(path), !given.isEmpty else {
                    throw Refusal(
                        cause: "\(path) is encrypted, and no passphrase was provided",
                        remedy: "load the key into an agent with ssh-add \(path)")
                }
                words = given
            }
            return try await blocking { [words] () throws(Refusal) in try Self.sign(data, with: file, words) }
        }
    }

    private static func keyFile(_ path: String) throws(Refusal) -> KeyFile {
        do throws(KeyFile.Problem) {
            return try KeyFile(path: path, supportsRSA: true)
        } catch {
            throw Refusal(cause: error.cause, remedy: error.remedy)
        }
    }

    private static func sign(
        _ data: [UInt8], with file: KeyFile, _ passphrase: Secret
    ) throws(Refusal) -> (PublicKey, KeySignature) {
        guard let key = file.signatureKey(passphrase: passphrase), let signature = KeySignature(over: data, by: key)
        else {
            throw Refusal(
                cause: file.isEncrypted ? "the passphrase of \(file.path) is wrong" : "\(file.path) cannot be read",
                remedy: "load the key into an agent with ssh-add \(file.path)")
        }
        return (PublicKey(key.publicHalf), signature)
    }

    private func agentSignature(
        over data: [UInt8], by fingerprint: String, wanted: String
    ) throws(Refusal) -> (PublicKey, KeySignature) {
        let name = wanted.hasSuffix(".pub") ? String(wanted.dropLast(4)) : wanted
        let load = wanted.hasPrefix("SHA256:") ? "ssh-add with the file of that key" : "ssh-add \(name)"
        do throws(AgentClient.Failure) {
            let (agent, deadline) = (try AgentClient(socketPath: agentSocket), Deadline(in: agentLimit))
            guard let key = try agent.identities(until: deadline).first(where: { $0.fingerprint == fingerprint })
            else {
                throw .lacksKey
            }
            let signature = try agent.signature(over: data, with: key, until: deadline)
            guard signature.isRight(over: data, by: key) else { throw .malformed }
            return (key, signature)
        } catch {
            throw Refusal(
                cause: "the agent did not sign: \(error.explanation)",
                remedy: "confirm the use of the key, or load it again with \(load)")
        }
    }

    private static func fingerprint(_ wanted: String) throws(Refusal) -> String {
        if wanted.hasPrefix("SHA256:") { return wanted }
        do throws(Errno) {
            let text = String(decoding: try readFile(wanted).bytes, as: UTF8.self)
            let fields = text.split(whereSeparator: \.isWhitespace)
            if fields.count >= 2, let key = PublicKey(type: fields[0], base64: fields[1]) { return key.fingerprint }
        } catch {
            throw Refusal(
                cause: "\(wanted): \(errnoText(error.code))",
                remedy: "correct the path of the public key in the inventory")
        }
        throw Refusal(
            cause: "\(wanted) is not a public key in OpenSSH's form",
            remedy: "name the .pub file of the key, or its SHA256: fingerprint")
    }

    private func blocking<Value: Sendable>(
        _ work: @escaping @Sendable () throws(Refusal) -> Value
    ) async throws(Refusal) -> Value {
        try await blockingResult(of: work).get()
    }
}
