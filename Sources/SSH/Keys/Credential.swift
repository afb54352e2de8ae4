import ClientKit
import Foundation

/// The one key that is tried, found and ready to sign with.
enum Credential: Sendable {
    case file(KeyFile, passphrase: Secret)
    case agent(AgentClient, PublicKey)

    /// How errors call the key.
    var summary: String {
        switch self {
        case .file(let file, _): file.summary
        case .agent(_, let key): "\(key.type) \(key.fingerprint) of the SSH agent"
        }
    }
}

extension SSHDestination {
    /// Finds the configured key, before anything is sent, and asks for its passphrase where it has one.
    func findCredential(passphrase: (String) async -> Secret?) async throws(SSHError) -> Credential {
        switch identity {
        case .keyFile(let path):
            let file: KeyFile
            do {
                file = try KeyFile(path: path)
            } catch {
                throw failure(
                    .authentication, "use the SSH key \(path)", cause: error.cause, remedy: error.remedy,
                    kind: error.isMissing ? .badInput : .refused)
            }
            guard file.isEncrypted else { return .file(file, passphrase: Secret("")) }
            guard let given = await passphrase(path), !given.isEmpty else {
                throw failure(
                    .authentication, "use the SSH key \(path)", cause: "it is encrypted, and no passphrase was given",
                    remedy: "give the passphrase, or load the key into an agent with ssh-add \(path)", kind: .refused)
            }
            return .file(file, passphrase: given)
        case .agent(let wanted):
            return try findAgentKey(wanted)
        }
    }

    private func findAgentKey(_ wanted: String) throws(SSHError) -> Credential {
        let fingerprint = try wanted.hasPrefix("SHA256:") ? wanted : readPublicKey(wanted).fingerprint
        let attempt = "use the key \(fingerprint) of the SSH agent"
        let add = wanted.hasSuffix(".pub") ? "ssh-add \(wanted.dropLast(4))" : "ssh-add with the file of that key"
        let agent: AgentClient
        let keys: [PublicKey]
        do {
            agent = try AgentClient(socketPath: agentSocket)
            keys = try agent.identities()
        } catch {
            let cause =
                switch error {
                case .noSocket: "SSH_AUTH_SOCK is not set: there is no agent"
                case .unreachable(let path, let code): "the agent at \(path) does not answer: \(errnoText(code))"
                case .refused, .malformed: "the agent did not list its keys"
                }
            throw failure(
                .authentication, attempt, cause: cause,
                remedy: "start an agent (eval $(ssh-agent)) and load the key with \(add)", kind: .refused)
        }
        guard let key = keys.first(where: { $0.fingerprint == fingerprint }) else {
            let held = keys.map { "\($0.type) \($0.fingerprint)" }.joined(separator: ", ")
            throw failure(
                .authentication, attempt,
                cause: keys.isEmpty ? "the agent holds no key" : "the agent holds only \(held)",
                remedy: "load the key with \(add)", kind: .refused)
        }
        if key.type == "ssh-rsa", !Session.supportsRSAWithSHA2 {
            let problem = KeyFile.noRSA("it is an RSA key", remedy: "use an ed25519 key (ssh-keygen -t ed25519)")
            throw failure(.authentication, attempt, cause: problem.cause, remedy: problem.remedy, kind: .refused)
        }
        return .agent(agent, key)
    }

    private func readPublicKey(_ path: String) throws(SSHError) -> PublicKey {
        let attempt = "read the public key \(path)"
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw failure(
                .authentication, attempt, cause: error.localizedDescription,
                remedy: "correct the path of the public key in the inventory", kind: .badInput)
        }
        let fields = text.split(whereSeparator: \.isWhitespace)
        guard fields.count >= 2, let key = PublicKey(type: fields[0], base64: fields[1]) else {
            throw failure(
                .authentication, attempt, cause: "it is not a public key in OpenSSH's form",
                remedy: "name the .pub file of the key, or its SHA256: fingerprint", kind: .badInput)
        }
        return key
    }
}
