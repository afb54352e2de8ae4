import CLibSSH2
import ClientKit
import Glibc

/// A private key that signs logins for libssh2, read once for all hosts.
///
/// Given the file, libssh2 parses it again at each login, which costs much more than the signature.
final class LoginKey: Sendable {
    let publicKey: PublicKey
    private let key: SignatureKey

    /// Nil where SSH has no form for the public half.
    init?(_ key: SignatureKey) {
        let uncompressed: UInt8 = 4
        if case .ecdsa(_, let point) = key.publicHalf, point.first != uncompressed { return nil }
        publicKey = PublicKey(key.publicHalf)
        self.key = key
    }

    /// libssh2's side; its argument is the address of an unretained reference to the key.
    static let callback: SigningCallback = { _, signature, signatureCount, data, count, abstract in
        guard let reference = abstract?.pointee else { return -1 }
        let login = Unmanaged<LoginKey>.fromOpaque(reference).takeUnretainedValue()
        let data = [UInt8](UnsafeBufferPointer(start: data, count: count))
        guard let made = KeySignature(over: data, by: login.key) else { return -1 }
        return handOver(made.bytes, to: signature, count: signatureCount)
    }
}

/// What libssh2 calls with data to be signed.
typealias SigningCallback =
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
        UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> Int32

/// Gives libssh2 a signature, which it frees with the allocator it was given, the C library's.
func handOver(
    _ bytes: [UInt8], to signature: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?,
    count: UnsafeMutablePointer<Int>?
) -> Int32 {
    guard let signature, let count, let copy = malloc(max(1, bytes.count)) else { return -1 }
    copy.copyMemory(from: bytes, byteCount: bytes.count)
    signature.pointee = copy.assumingMemoryBound(to: UInt8.self)
    count.pointee = bytes.count
    return 0
}
