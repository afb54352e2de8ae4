internal import COpenSSL

/// The result of a hash function.
public struct Digest: Hashable, Sendable {
    /// The digest itself: 32 bytes for SHA-256, 20 for SHA-1.
    public let bytes: [UInt8]

    /// The bytes in lower-case hexadecimal, as `sha256sum` prints them.
    public var hex: String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (index, byte) in bytes.enumerated() {
                text[2 * index] = Self.digits[Int(byte >> 4)]
                text[2 * index + 1] = Self.digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    /// Whether `digits` are the digest as ``hex`` writes it.
    public func isWritten(as digits: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            digits.withUnsafeBufferPointer { digits in
                guard digits.count == 2 * bytes.count else { return false }
                return bytes.indices.allSatisfy { place in
                    digits[2 * place] == Self.digits[Int(bytes[place] >> 4)]
                        && digits[2 * place + 1] == Self.digits[Int(bytes[place] & 15)]
                }
            }
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)
}

/// SHA-256 of bytes that arrive in pieces, computed by the system's OpenSSL.
///
/// Has value semantics: a copy continues independently.
public struct SHA256: Sendable {
    private var context = DigestContext()

    /// Starts with no bytes.
    public init() {}

    /// The digest of all of `data`.
    public static func hash(data: some Sequence<UInt8>) -> Digest {
        var hash = SHA256()
        hash.update(data: data)
        return hash.finalize()
    }

    /// Adds `data` to the hashed bytes.
    public mutating func update(data: some Sequence<UInt8>) {
        if !isKnownUniquelyReferenced(&context) { context = DigestContext(copying: context) }
        let isDone: Void? = data.withContiguousStorageIfAvailable { context.update($0) }
        if isDone == nil { Array(data).withUnsafeBufferPointer { context.update($0) } }
    }

    /// The digest of the bytes added so far; more may be added afterwards.
    public func finalize() -> Digest { DigestContext(copying: context).finish() }
}

/// SHA-512 of `data`, which OpenSSH signs instead of a long message.
public func sha512(of data: [UInt8]) -> Digest {
    var digest = [UInt8](repeating: 0, count: 64)
    let done = EVP_Digest(data, data.count, &digest, nil, EVP_sha512(), nil)
    precondition(done == 1, "the system's OpenSSL cannot compute SHA-512")
    return Digest(bytes: digest)
}

/// HMAC with SHA-1, which `known_hosts` prescribes for hashed names; it protects nothing else.
public func hmacSHA1(_ text: String, salt: some Sequence<UInt8>) -> Digest {
    hmac(EVP_sha1(), of: Array(text.utf8), key: Array(salt))
}

/// HMAC with SHA-256.
public func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> Digest {
    hmac(EVP_sha256(), of: message, key: key)
}

private func hmac(_ algorithm: OpaquePointer?, of message: [UInt8], key: [UInt8]) -> Digest {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    let done = HMAC(
        algorithm, key, Int32(key.count), message, message.count, &digest, &length)
    precondition(done != nil, "the system's OpenSSL cannot compute an HMAC")
    return Digest(bytes: Array(digest.prefix(Int(length))))
}

/// A context of OpenSSL for SHA-256.
///
/// Unchecked, since only the one `SHA256` that refers to the context writes to it: a shared context
/// is copied before an update, and finishing always works on a copy. Reading for a copy changes
/// nothing.
private final class DigestContext: @unchecked Sendable {
    private let pointer: OpaquePointer

    init() {
        pointer = Self.allocate()
        Self.require(EVP_DigestInit_ex(pointer, EVP_sha256(), nil))
    }

    init(copying other: DigestContext) {
        pointer = Self.allocate()
        Self.require(EVP_MD_CTX_copy_ex(pointer, other.pointer))
    }

    deinit { EVP_MD_CTX_free(pointer) }

    func update(_ bytes: UnsafeBufferPointer<UInt8>) {
        Self.require(EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count))
    }

    func finish() -> Digest {
        var bytes = [UInt8](repeating: 0, count: 32)
        Self.require(EVP_DigestFinal_ex(pointer, &bytes, nil))
        return Digest(bytes: bytes)
    }

    private static func allocate() -> OpaquePointer {
        keepOpenSSLAtExit()
        guard let pointer = EVP_MD_CTX_new() else { fatalError("out of memory for a digest") }
        return pointer
    }

    /// Without SHA-256 there is no record and no host key; OpenSSL fails here only if its
    /// installation is broken.
    private static func require(_ result: Int32) {
        precondition(result == 1, "the system's OpenSSL cannot compute SHA-256")
    }
}
