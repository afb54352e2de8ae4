import ClientKit

/// A signature in the form in which SSH carries it: the name of its algorithm, and its bytes.
struct KeySignature: Hashable, Sendable {
    let algorithm: String
    let bytes: [UInt8]

    init(algorithm: String, bytes: [UInt8]) {
        self.algorithm = algorithm
        self.bytes = bytes
    }

    init?(wire: [UInt8]) {
        var reader = WireReader(wire)
        guard let algorithm = reader.text(), let bytes = reader.string() else { return nil }
        self.init(algorithm: algorithm, bytes: bytes)
    }

    /// As one SSH string holds it.
    var wire: [UInt8] { WireReader.string(algorithm.utf8) + WireReader.string(bytes) }

    /// That of a private key over `data`; nil where OpenSSL cannot sign with it.
    init?(over data: [UInt8], by key: SignatureKey) {
        guard let made = key.sign(data) else { return nil }
        switch key.publicHalf {
        case .ed25519: self.init(algorithm: "ssh-ed25519", bytes: made)
        case .rsa: self.init(algorithm: "rsa-sha2-512", bytes: made)
        case .ecdsa(let curve, _):
            guard let numbers = ECDSASignature(der: made) else { return nil }
            let bytes = WireReader.multiplePrecision(numbers.r) + WireReader.multiplePrecision(numbers.s)
            self.init(algorithm: "ecdsa-sha2-\(curve.rawValue)", bytes: bytes)
        }
    }

    /// Whether it is the signature of `key` over `data`, by an algorithm that is good enough.
    func isRight(over data: [UInt8], by key: PublicKey) -> Bool {
        guard let half = key.half, let verifier = SignatureKey(half) else { return false }
        switch half {
        case .ed25519: return algorithm == "ssh-ed25519" && verifier.verify(bytes, over: data)
        case .rsa: return algorithm == "rsa-sha2-512" && verifier.verify(bytes, over: data)
        case .ecdsa(let curve, _):
            var reader = WireReader(bytes)
            // The same numbers written otherwise, or more after them, would be a signature that nobody made.
            guard algorithm == "ecdsa-sha2-\(curve.rawValue)", let r = reader.string(), let s = reader.string(),
                bytes == WireReader.multiplePrecision(r) + WireReader.multiplePrecision(s),
                let der = ECDSASignature(r: r, s: s).der
            else { return false }
            return verifier.verify(der, over: data)
        }
    }
}

extension PublicKey {
    /// Its numbers; nil for kinds of keys that nothing is signed with here.
    var half: SignatureKey.Public? {
        var reader = WireReader(blob)
        let type = reader.text() ?? ""
        switch type {
        case "ssh-ed25519": return reader.string().map { .ed25519($0) }
        case "ssh-rsa":
            guard let exponent = reader.string(), let modulus = reader.string() else { return nil }
            return .rsa(modulus: modulus, exponent: exponent)
        default:
            guard type.hasPrefix("ecdsa-sha2-"), let name = reader.text(), type.hasSuffix(name),
                let curve = SignatureKey.Curve(rawValue: name), let point = reader.string()
            else { return nil }
            return .ecdsa(curve, point: point)
        }
    }

    /// The key with these numbers.
    init(_ half: SignatureKey.Public) {
        switch half {
        case .ed25519(let bytes):
            self.init(blob: WireReader.string("ssh-ed25519".utf8) + WireReader.string(bytes))
        case .rsa(let modulus, let exponent):
            self.init(
                blob: WireReader.string("ssh-rsa".utf8) + WireReader.multiplePrecision(exponent)
                    + WireReader.multiplePrecision(modulus))
        case .ecdsa(let curve, let point):
            self.init(
                blob: WireReader.string("ecdsa-sha2-\(curve.rawValue)".utf8)
                    + WireReader.string(curve.rawValue.utf8) + WireReader.string(point))
        }
    }
}

extension WireReader {
    /// A number that is not negative, from its big-endian bytes.
    static func multiplePrecision(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array(bytes.drop { $0 == 0 })
        return string((digits.first ?? 0) >= 0x80 ? [0] + digits : digits)
    }
}
