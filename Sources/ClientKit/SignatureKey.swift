internal import COpenSSL
import Glibc

/// A key for signing or for verifying signatures, in the system's OpenSSL.
///
/// Unchecked, since OpenSSL only reads a key once it is created, and counts references to it
/// atomically.
public final class SignatureKey: @unchecked Sendable {
    /// The NIST curves that SSH uses for ECDSA.
    public enum Curve: String, Sendable, Hashable, CaseIterable {
        case nistp256, nistp384, nistp521

        fileprivate var group: String {
            switch self {
            case .nistp256: "prime256v1"
            case .nistp384: "secp384r1"
            case .nistp521: "secp521r1"
            }
        }
    }

    /// The public half, with numbers in big-endian bytes.
    public enum Public: Sendable, Hashable {
        case ed25519([UInt8])
        case ecdsa(Curve, point: [UInt8])
        case rsa(modulus: [UInt8], exponent: [UInt8])
    }

    /// The public half.
    public let publicHalf: Public
    private let pointer: OpaquePointer

    /// A key that only verifies; nil if it is invalid.
    public convenience init?(_ key: Public) { self.init(key, secret: nil) }

    /// A key that signs; nil if the halves are invalid.
    ///
    /// - Parameter secret: The seed of ed25519, the scalar of ECDSA, the private exponent of RSA.
    public init?(_ key: Public, secret: [UInt8]?) {
        keepOpenSSLAtExit()
        defer { ERR_clear_error() }
        publicHalf = key
        var made: OpaquePointer?
        switch key {
        case .ed25519(let bytes):
            made =
                secret.map { EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, $0, $0.count) }
                ?? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        case .ecdsa(let curve, let point):
            made = Self.make(
                "EC", isPair: secret != nil, group: curve.group, point: point,
                numbers: secret.map { [(OSSL_PKEY_PARAM_PRIV_KEY, $0)] } ?? [])
        case .rsa(let modulus, let exponent):
            made = Self.make(
                "RSA", isPair: secret != nil,
                numbers: [(OSSL_PKEY_PARAM_RSA_N, modulus), (OSSL_PKEY_PARAM_RSA_E, exponent)]
                    + (secret.map { [(OSSL_PKEY_PARAM_RSA_D, $0)] } ?? []))
        }
        guard let made else { return nil }
        pointer = made
    }

    /// A private key in one of the forms that OpenSSL writes; nil if it is invalid, or the
    /// passphrase is wrong.
    public init?(pem: Secret, passphrase: Secret) {
        keepOpenSSLAtExit()
        defer { ERR_clear_error() }
        let text = Array(pem.reveal().utf8)
        guard let source = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(source) }
        // Without a callback the last argument is the passphrase; with an empty one nothing is
        // asked.
        let made = passphrase.reveal().withCString { words in
            PEM_read_bio_PrivateKey(source, nil, nil, UnsafeMutableRawPointer(mutating: words))
        }
        guard let made else { return nil }
        guard let half = Self.publicHalf(of: made) else {
            EVP_PKEY_free(made)
            return nil
        }
        (pointer, publicHalf) = (made, half)
    }

    deinit { EVP_PKEY_free(pointer) }

    /// The signature over `data`: 64 bytes for ed25519, DER for ECDSA, PKCS #1 for RSA with
    /// SHA-512; nil if the key is only public.
    public func sign(_ data: [UInt8]) -> [UInt8]? {
        defer { ERR_clear_error() }
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, hash, nil, pointer) == 1 else { return nil }
        var count = 0
        guard EVP_DigestSign(context, nil, &count, data, data.count) == 1 else { return nil }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, data, data.count) == 1 else { return nil }
        return Array(signature.prefix(count))
    }

    /// Whether `signature`, in the form that ``sign(_:)`` returns, is this key's signature of
    /// `data`.
    public func verify(_ signature: [UInt8], over data: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, hash, nil, pointer) == 1
            && EVP_DigestVerify(context, signature, signature.count, data, data.count) == 1
    }

    /// The public half in PEM form, as other programs read it.
    public var publicPEM: String? {
        defer { ERR_clear_error() }
        guard let sink = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(sink) }
        guard PEM_write_bio_PUBKEY(sink, pointer) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = BIO_read(sink, &bytes, Int32(bytes.count))
        return count > 0 ? String(decoding: bytes.prefix(Int(count)), as: UTF8.self) : nil
    }

    private var hash: OpaquePointer? {
        switch publicHalf {
        case .ed25519: nil
        case .ecdsa(.nistp256, _): EVP_sha256()
        case .ecdsa(.nistp384, _): EVP_sha384()
        case .ecdsa(.nistp521, _), .rsa: EVP_sha512()
        }
    }
}

extension SignatureKey {
    private static func make(
        _ algorithm: String, isPair: Bool, group: String? = nil, point: [UInt8]? = nil,
        numbers: [(name: String, value: [UInt8])]
    ) -> OpaquePointer? {
        guard let builder = OSSL_PARAM_BLD_new() else { return nil }
        // The builder refers to names and values until the parameters are made.
        var texts: [UnsafeMutablePointer<CChar>?] = []
        var values: [OpaquePointer] = []
        defer {
            OSSL_PARAM_BLD_free(builder)
            for text in texts { free(text) }
            for value in values { BN_clear_free(value) }
        }
        func kept(_ text: String) -> UnsafeMutablePointer<CChar>? {
            texts.append(strdup(text))
            return texts.last ?? nil
        }
        if let group {
            guard
                OSSL_PARAM_BLD_push_utf8_string(builder, kept(OSSL_PKEY_PARAM_GROUP_NAME), kept(group), 0) == 1
            else { return nil }
        }
        for (name, value) in numbers {
            guard let number = BN_bin2bn(value, Int32(value.count), nil) else { return nil }
            values.append(number)
            guard OSSL_PARAM_BLD_push_BN(builder, kept(name), number) == 1 else { return nil }
        }
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, point?.count ?? 0))
        defer { bytes.deallocate() }
        if let point {
            bytes.initialize(from: point, count: point.count)
            guard
                OSSL_PARAM_BLD_push_octet_string(builder, kept(OSSL_PKEY_PARAM_PUB_KEY), bytes, point.count) == 1
            else { return nil }
        }
        guard let parameters = OSSL_PARAM_BLD_to_param(builder) else { return nil }
        defer { OSSL_PARAM_free(parameters) }
        guard let context = EVP_PKEY_CTX_new_from_name(nil, algorithm, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &key, isPair ? keyPairSelection() : publicKeySelection(), parameters) == 1
        else { return nil }
        return key
    }

    private static func publicHalf(of key: OpaquePointer) -> Public? {
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_ED25519:
            var bytes = [UInt8](repeating: 0, count: 32)
            var count = bytes.count
            return EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 ? .ed25519(bytes) : nil
        case EVP_PKEY_EC:
            var name = [CChar](repeating: 0, count: 80)
            var count = 0
            var point = [UInt8](repeating: 0, count: 256)
            guard EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, &name, name.count, &count) == 1
            else { return nil }
            let group = String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard let curve = Curve.allCases.first(where: { $0.group == group }),
                EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, &point, point.count, &count) == 1
            else { return nil }
            return .ecdsa(curve, point: Array(point.prefix(count)))
        case EVP_PKEY_RSA:
            guard let modulus = number(OSSL_PKEY_PARAM_RSA_N, of: key),
                let exponent = number(OSSL_PKEY_PARAM_RSA_E, of: key)
            else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        default: return nil
        }
    }

    private static func number(_ name: String, of key: OpaquePointer) -> [UInt8]? {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let number else { return nil }
        defer { BN_free(number) }
        return bytes(of: number)
    }

    static func bytes(of number: OpaquePointer) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
        BN_bn2bin(number, &bytes)
        return bytes
    }
}
