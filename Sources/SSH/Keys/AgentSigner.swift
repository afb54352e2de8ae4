import CLibSSH2

/// Signs for libssh2 with a key that an agent holds.
///
/// An agent may ask its user first. libssh2 is told to try again, so that its session goes on meanwhile.
final class AgentSigner {
    private var signature: [UInt8]?
    /// What the agent is to sign, before ``answer(_:)``.
    private(set) var request: [UInt8]?
    /// Why the agent did not sign.
    private(set) var failure: AgentClient.Failure?

    /// Takes what the agent answered.
    func answer(_ answer: Result<[UInt8], AgentClient.Failure>) {
        request = nil
        switch answer {
        case .success(let bytes): signature = bytes
        case .failure(let error): failure = error
        }
    }

    /// libssh2's side; its argument is the address of an unretained reference to the signer.
    static let callback: SigningCallback = { _, signature, signatureCount, data, count, abstract in
        guard let reference = abstract?.pointee else { return -1 }
        let signer = Unmanaged<AgentSigner>.fromOpaque(reference).takeUnretainedValue()
        if signer.failure != nil { return -1 }
        guard let bytes = signer.signature else {
            signer.request = [UInt8](UnsafeBufferPointer(start: data, count: count))
            return LIBSSH2_ERROR_EAGAIN
        }
        return handOver(bytes, to: signature, count: signatureCount)
    }
}
