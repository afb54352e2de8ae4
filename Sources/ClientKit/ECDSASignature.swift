internal import COpenSSL

/// The two numbers of an ECDSA signature, for conversion between OpenSSL's form and others.
public struct ECDSASignature: Sendable {
    /// The first, in big-endian bytes without leading zeros.
    public let r: [UInt8]
    /// The second.
    public let s: [UInt8]

    /// Takes the two numbers.
    public init(r: [UInt8], s: [UInt8]) { (self.r, self.s) = (r, s) }

    /// Reads OpenSSL's form, DER; nil if it is invalid.
    public init?(der: [UInt8]) {
        let read = der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_ECDSA_SIG(nil, &start, der.count)
        }
        defer { ERR_clear_error() }
        guard let read else { return nil }
        defer { ECDSA_SIG_free(read) }
        guard let r = ECDSA_SIG_get0_r(read), let s = ECDSA_SIG_get0_s(read) else { return nil }
        self.init(r: SignatureKey.bytes(of: r), s: SignatureKey.bytes(of: s))
    }

    /// OpenSSL's form.
    public var der: [UInt8]? {
        guard let signature = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(signature) }
        let numbers = (BN_bin2bn(r, Int32(r.count), nil), BN_bin2bn(s, Int32(s.count), nil))
        // Takes ownership of both if it succeeds.
        guard ECDSA_SIG_set0(signature, numbers.0, numbers.1) == 1 else {
            BN_free(numbers.0)
            BN_free(numbers.1)
            return nil
        }
        var encoded: UnsafeMutablePointer<UInt8>?
        let count = i2d_ECDSA_SIG(signature, &encoded)
        guard count > 0, let encoded else { return nil }
        defer { CRYPTO_free(encoded, nil, 0) }
        return Array(UnsafeBufferPointer(start: encoded, count: Int(count)))
    }
}
