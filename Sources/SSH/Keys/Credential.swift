import ClientKit
import Foundation

/// The one key that is tried, found and ready to sign with.
enum Credential: Sendable {
    case file(KeyFile, passphrase: Secret)
    case agent(AgentClient, PublicKey)

    /// What errors call the key.
    var summary: String {
        switch self {
        case .file(let file, _): file.summary
        case .agent(_, let key): "\(key.type) \(key.fingerprint) of the SSH agent"
        }
    }

    /// The key's `SHA256:…`; nil where its file does not show the public half.
    var fingerprint: String? {
        switch self {
        case .file(let file, _): file.publicKey?.fingerprint
        case .agent(_, let key): key.fingerprint
        }
    }
}

extension SSHDestination {
    /// Finds the configured key, before anything is sent, and asks for its passphrase where it has one.
    func findCredential(
        on loop: EventLoop, passphrase: (String) async -> Secret?, isolation: isolated any Actor
    ) async throws(SSHError) -> Credential {
        switch identity {
        case .keyFile(let path):
            let attempt = "use the SSH key \(path)"
            let file = try usable(attempt) { () throws(KeyFile.Problem) in try KeyFile.shared(path) }
            guard file.isEncrypted else { return .file(file, passphrase: Secret("")) }
            guard let given = await passphrase(path), !given.isEmpty else {
                throw failure(
                    .authentication, attempt: attempt,
                    cause: "it is encrypted, and no passphrase was provided",
                    remedy: "give the passphrase, or load the key into an agent with ssh-add \(path)", kind: .refused)
            }
            let open = try usable(attempt) { () throws(KeyFile.Problem) in try file.decrypted(with: given) }
            return .file(open, passphrase: given)
        case .agent(let wanted):
            return try await findAgentKey(wanted, on: loop, isolation: isolation)
        }
    }

    /// What `read` returns, or why that key file is of no use.
    private func usable(
        _ attempt: String, read: () throws(KeyFile.Problem) -> KeyFile
    ) throws(SSHError) -> KeyFile {
        do {
            return try read()
        } catch {
            throw failure(
                .authentication, attempt: attempt, cause: error.cause, remedy: error.remedy, kind: error.kind)
        }
    }

    private func findAgentKey(
        _ wanted: String, on loop: EventLoop, isolation: isolated any Actor
    ) async throws(SSHError) -> Credential {
        let fingerprint = try wanted.hasPrefix("SHA256:") ? wanted : readPublicKey(wanted).fingerprint
        let attempt = "use the key \(fingerprint) of the SSH agent"
        let add = wanted.hasSuffix(".pub") ? "ssh-add \(wanted.dropLast(4))" : "ssh-add with the file of that key"
        let answer: Result<(AgentClient, [PublicKey]), AgentClient.Failure>
        do {
            let deadline = Deadline(in: limits.connect)
            answer = try await loop.runBlocking(until: deadline, isolation: isolation) { [agentSocket] in
                Result { () throws(AgentClient.Failure) in
                    let agent = try AgentClient(socketPath: agentSocket)
                    return (agent, try agent.identities(until: deadline))
                }
            }
        } catch {
            throw agentError(error, attempt: attempt)
        }
        let agent: AgentClient
        let keys: [PublicKey]
        switch answer {
        case .success(let found): (agent, keys) = found
        case .failure(.silent(let limit)): throw agentError(.timedOut(limit), attempt: attempt)
        case .failure(let error):
            throw failure(
                .authentication, attempt: attempt, cause: error.explanation,
                remedy: error.shortage.map(Self.remedy(forShortage:))
                    ?? "start an agent (eval $(ssh-agent)) and load the key with \(add)",
                kind: error.shortage == nil ? .refused : .failed)
        }
        guard let key = keys.first(where: { $0.fingerprint == fingerprint }) else {
            let held = keys.map { "\($0.type) \($0.fingerprint)" }.joined(separator: ", ")
            throw failure(
                .authentication, attempt: attempt,
                cause: keys.isEmpty ? "the agent has no keys" : "the agent has only \(held)",
                remedy: "load the key with \(add)", kind: .refused)
        }
        try refuseUnusable(key, attempt: attempt)
        if key.type == "ssh-rsa", !Session.supportsRSAWithSHA2 {
            let problem = KeyFile.noRSA("it is an RSA key", remedy: "use an ed25519 key (ssh-keygen -t ed25519)")
            throw failure(
                .authentication, attempt: attempt, cause: problem.cause, remedy: problem.remedy, kind: .refused)
        }
        return .agent(agent, key)
    }

    private func readPublicKey(_ path: String) throws(SSHError) -> PublicKey {
        let attempt = "read the public key \(path)"
        let text: String
        do {
            text = String(decoding: try readFile(path).bytes, as: UTF8.self)
        } catch {
            throw failure(
                .authentication, attempt: attempt, cause: errnoText(error.code),
                remedy: error.isShortage
                    ? Self.remedy(forShortage: error.code)
                    : "correct the path of the public key in the inventory",
                kind: error.isShortage ? .failed : .badInput)
        }
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count >= 2, let key = PublicKey(type: fields[0], base64: fields[1]) else {
            throw failure(
                .authentication, attempt: attempt, cause: "it is not a public key in OpenSSH's form",
                remedy: "name the .pub file of the key, or its SHA256: fingerprint", kind: .badInput)
        }
        try refuseUnusable(key, attempt: attempt)
        return key
    }

    private func refuseUnusable(_ key: PublicKey, attempt: String) throws(SSHError) {
        guard !key.isUsable else { return }
        let isCertificate = key.type.contains("-cert-")
        throw failure(
            .authentication, attempt: attempt,
            cause: "it is of type \(key.type), and libssh2 \(Session.version) cannot log in with "
                + (isCertificate ? "certificates" : "such keys"),
            remedy: isCertificate
                ? "name the .pub file of the key that was signed, and put that key into authorized_keys there"
                : "use an ed25519 key (ssh-keygen -t ed25519)", kind: .refused)
    }
}
