import ClientKit

/// What failures of keys and agents mean, in words.
extension SSHDestination {
    /// An error about an agent that could not be asked.
    func agentError(_ failure: LinkFailure, attempt: String) -> SSHError {
        guard case .timedOut = failure else { return linkError(failure, in: .authentication, attempt: attempt) }
        return self.failure(
            .authentication, attempt: attempt, cause: "the SSH agent gave \(failure.explanation)",
            remedy: "confirm the use of the key where the agent asks for it, or start the agent again",
            kind: .refused)
    }

    /// An error about an agent that did not sign.
    func agentRefusal(_ failure: AgentClient.Failure, attempt: String) -> SSHError {
        if case .silent(let limit) = failure { return agentError(.timedOut(limit), attempt: attempt) }
        return self.failure(
            .authentication, attempt: attempt, cause: "the agent did not sign: \(failure.explanation)",
            remedy: failure.shortage.map(Self.remedy(forShortage:))
                ?? "confirm the use of the key, or load it again with ssh-add",
            kind: failure.shortage == nil ? .refused : .failed)
    }

    /// An error about a key file that libssh2 does not read.
    func unreadableKeyError(_ file: KeyFile, attempt: String) -> SSHError {
        self.failure(
            .authentication, attempt: attempt,
            cause: file.isEncrypted ? "the passphrase is wrong" : "libssh2 \(Session.version) cannot read the key",
            remedy: file.isEncrypted
                ? "try again with the right one, or load the key into an agent with ssh-add \(file.path)"
                : "create another with ssh-keygen -t ed25519, and name its path in the inventory", kind: .refused)
    }

    /// An error about a key that the server accepted without granting the login.
    ///
    /// Where it then accepts only other `methods`, it requires one of them too. Otherwise it says nothing more:
    /// root logins may be disabled, or another key be required.
    func insufficientKeyError(attempt: String, methods: String) -> SSHError {
        let requiresMore = !methods.isEmpty && !methods.split(separator: ",").contains("publickey")
        let oneKey = "AuthenticationMethods publickey for \(user)"
        let settings = user == "root" ? "PermitRootLogin prohibit-password and \(oneKey)" : oneKey
        return self.failure(
            .authentication, attempt: attempt,
            cause: "the server accepted the key, but "
                + (requiresMore ? "also requires \(methods)" : "did not permit the login"),
            remedy: requiresMore
                ? "set \(oneKey) in sshd_config there"
                : "check sshd's log there for the reason; this program needs \(settings) in sshd_config there",
            kind: .refused)
    }

    /// An error about a key that the server does not accept, which would accept `methods`.
    func refusedKeyError(attempt: String, methods: String) -> SSHError {
        self.failure(
            .authentication, attempt: attempt,
            cause: "the server rejected the key" + (methods.isEmpty ? "" : "; it accepts \(methods)"),
            remedy: "put the public key into ~/.ssh/authorized_keys of \(user) there, or name another user or key "
                + "in the inventory", kind: .refused)
    }
}
