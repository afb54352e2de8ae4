import CLibSSH2
import ClientKit
import Glibc

/// Proving who we are, with the one key that is configured.
extension SSHConnection {
    func authenticate(with credential: Credential, until deadline: ContinuousClock.Instant) async throws(SSHError) {
        let signer = AgentSigner(credential)
        let code: Int32
        do {
            code = try await complete(until: deadline) { [user = destination.user] session in
                switch credential {
                case .file(let file, let passphrase):
                    let key = file.contents.reveal()
                    return libssh2_userauth_publickey_frommemory(
                        session.pointer, user, user.utf8.count, nil, 0, key, key.utf8.count, passphrase.reveal())
                case .agent(_, let key):
                    // libssh2 keeps the address of this pointer only until the call returns.
                    var reference: UnsafeMutableRawPointer? = Unmanaged.passUnretained(signer).toOpaque()
                    return libssh2_userauth_publickey(
                        session.pointer, user, key.blob, key.blob.count, AgentSigner.callback, &reference)
                }
            }
        } catch {
            throw linkError(.authentication, attempt: "authenticate as \(destination.user)", failure: error)
        }
        guard code == 0 else { throw await refusal(code, of: credential, signer: signer, until: deadline) }
    }

    private func refusal(
        _ code: Int32, of credential: Credential, signer: AgentSigner, until deadline: ContinuousClock.Instant
    ) async -> SSHError {
        let attempt = "authenticate as \(destination.user) with \(credential.summary)"
        if let failure = signer.failure {
            return destination.failure(
                .authentication, attempt, cause: "the agent did not sign (\(failure))",
                remedy: "confirm the use of the key, or load it again with ssh-add", kind: .refused)
        }
        if case .file(let file, _) = credential, code == LIBSSH2_ERROR_FILE || code == LIBSSH2_ERROR_KEYFILE_AUTH_FAILED
        {
            return destination.failure(
                .authentication, attempt,
                cause: file.isEncrypted ? "the passphrase is wrong" : "libssh2 \(Session.version) cannot read the key",
                remedy: file.isEncrypted
                    ? "try again with the right one, or load the key into an agent with ssh-add \(file.path)"
                    : "make another with ssh-keygen -t ed25519, and name its path in the inventory", kind: .refused)
        }
        let refusals = [
            LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED, LIBSSH2_ERROR_METHOD_NOT_SUPPORTED,
        ]
        guard refusals.contains(code) else {
            return linkError(
                .authentication, attempt: "authenticate as \(destination.user)",
                failure: session?.failure(code) ?? loss ?? .library(code: code, message: ""))
        }
        let offered = await methodsOffered(until: deadline)
        return destination.failure(
            .authentication, attempt,
            cause: "the server refused the key" + (offered.isEmpty ? "" : "; it accepts \(offered)"),
            remedy:
                "put the public key into ~/.ssh/authorized_keys of \(destination.user) there, or name another user or key "
                + "in the inventory", kind: .refused)
    }

    /// What the server would accept; asked only after a refusal, for it costs a round trip.
    private func methodsOffered(until deadline: ContinuousClock.Instant) async -> String {
        var methods: String?
        do {
            _ = try await complete(until: deadline) { [user = destination.user] session in
                methods = libssh2_userauth_list(session.pointer, user, UInt32(user.utf8.count)).map {
                    String(cString: $0)
                }
                return methods == nil ? libssh2_session_last_errno(session.pointer) : 0
            }
        } catch {
            return ""
        }
        return methods ?? ""
    }
}

/// Signs for libssh2 with a key that an agent holds.
final class AgentSigner {
    private let credential: Credential
    /// Why the agent did not sign.
    private(set) var failure: AgentClient.Failure?

    init(_ credential: Credential) {
        self.credential = credential
    }

    private func sign(_ data: [UInt8]) -> [UInt8]? {
        guard case .agent(let agent, let key) = credential else { return nil }
        do {
            return try agent.sign(data, with: key)
        } catch {
            failure = error
            return nil
        }
    }

    /// libssh2's side of ``sign(_:)``; it frees the signature with the allocator it was given, the C library's.
    static let callback:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
            UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
        ) -> Int32 = { _, signature, signatureCount, data, count, abstract in
            guard let reference = abstract?.pointee, let signature, let signatureCount else { return -1 }
            let signer = Unmanaged<AgentSigner>.fromOpaque(reference).takeUnretainedValue()
            guard let bytes = signer.sign([UInt8](UnsafeBufferPointer(start: data, count: count))),
                let copy = malloc(max(1, bytes.count))
            else { return -1 }
            copy.copyMemory(from: bytes, byteCount: bytes.count)
            signature.pointee = copy.assumingMemoryBound(to: UInt8.self)
            signatureCount.pointee = bytes.count
            return 0
        }
}
