import CLibSSH2
import ClientKit
import Glibc

/// Proving who we are, with the one key that is configured.
extension LinkGroup {
    /// What ``Link/complete(until:isolation:_:)`` returns when the agent has to be asked.
    private static let signatureNeeded = Int32.max

    func authenticate(
        on link: Link, with credential: Credential, until deadline: inout Deadline,
        isolation: isolated any Actor
    ) async throws(SSHError) {
        let attempt = "authenticate as \(destination.user)"
        let signer = AgentSigner()
        while true {
            let code: Int32
            do {
                code = try await link.complete(until: deadline, isolation: isolation) { session in
                    let code = logIn(on: session, with: credential, signer: signer)
                    return signer.request == nil ? code : Self.signatureNeeded
                }
            } catch {
                throw destination.linkError(error, in: .authentication, attempt: attempt)
            }
            if code == 0 { return }
            guard code == Self.signatureNeeded, case .agent(let agent, let key) = credential,
                let data = signer.request
            else {
                throw await refusal(
                    code, of: credential, on: link, signer: signer, until: deadline, isolation: isolation)
            }
            let began = ContinuousClock.now
            let answer = Deadline(in: destination.limits.agent)
            do {
                signer.answer(
                    try await loop.runBlocking(until: answer, isolation: isolation) {
                        Result { () throws(AgentClient.Failure) in try agent.sign(data, with: key, until: answer) }
                    })
            } catch {
                throw destination.agentError(error, attempt: "\(attempt) with \(credential.summary)")
            }
            // That time was not the server's.
            deadline = deadline.postponed(by: .now - began)
        }
    }

    private func logIn(on session: Session, with credential: Credential, signer: AgentSigner) -> Int32 {
        let user = destination.user
        switch credential {
        case .file(let file, let passphrase):
            if let key = file.loginKey {
                return Self.logIn(
                    on: session, as: user, with: key.publicKey, signing: LoginKey.callback, by: key)
            }
            let key = file.contents.reveal()
            return libssh2_userauth_publickey_frommemory(
                session.pointer, user, user.utf8.count, nil, 0, key, key.utf8.count, passphrase.reveal())
        case .agent(_, let key):
            return Self.logIn(on: session, as: user, with: key, signing: AgentSigner.callback, by: signer)
        }
    }

    private static func logIn(
        on session: Session, as user: String, with key: PublicKey, signing: SigningCallback, by signer: AnyObject
    ) -> Int32 {
        // libssh2 keeps the address of this pointer only until the call returns.
        var reference: UnsafeMutableRawPointer? = Unmanaged.passUnretained(signer).toOpaque()
        return withExtendedLifetime(signer) {
            libssh2_userauth_publickey(session.pointer, user, key.blob, key.blob.count, signing, &reference)
        }
    }

    private func refusal(
        _ code: Int32, of credential: Credential, on link: Link, signer: AgentSigner, until deadline: Deadline,
        isolation: isolated any Actor
    ) async -> SSHError {
        let attempt = "authenticate as \(destination.user) with \(credential.summary)"
        if let failure = signer.failure {
            return destination.agentRefusal(failure, attempt: attempt)
        }
        let unreadable = [LIBSSH2_ERROR_FILE, LIBSSH2_ERROR_KEYFILE_AUTH_FAILED]
        if case .file(let file, _) = credential, unreadable.contains(code) {
            return destination.unreadableKeyError(file, attempt: attempt)
        }
        let refusals = [
            LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED, LIBSSH2_ERROR_METHOD_NOT_SUPPORTED,
        ]
        guard refusals.contains(code) else {
            return destination.linkError(
                link.failure ?? link.session.failure(code), in: .authentication,
                attempt: "authenticate as \(destination.user)")
        }
        let methods = await methodsOffered(on: link, until: deadline, isolation: isolation)
        // The server had accepted the public key before the signature was sent.
        return code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED
            ? destination.insufficientKeyError(attempt: attempt, methods: methods)
            : destination.refusedKeyError(attempt: attempt, methods: methods)
    }

    /// What the server would accept; asked only after a refusal, for it costs a round trip.
    private func methodsOffered(
        on link: Link, until deadline: Deadline, isolation: isolated any Actor
    ) async -> String {
        let user = destination.user
        var methods: String?
        do {
            _ = try await link.complete(until: deadline, isolation: isolation) { session in
                methods = libssh2_userauth_list(session.pointer, user, UInt32(user.utf8.count)).map {
                    String(cString: $0)
                }
                return methods == nil ? libssh2_session_last_errno(session.pointer) : 0
            }
        } catch {
            // The refusal is what is reported; this only explains it.
            return ""
        }
        return methods ?? ""
    }
}
