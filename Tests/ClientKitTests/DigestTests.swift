import ClientKit
import Testing

/// The expected values come from FIPS 180-2, appendix B, and RFC 2202, section 3.
@Suite struct DigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func aDigestIsThatOfTheStandard(text: String, expected: String) {
        #expect(SHA256.hash(data: text.utf8).hex == expected)
    }

    @Test func aDigestIsWrittenInAllItsLowerCaseDigitsOnly() {
        let digest = SHA256.hash(data: "abc".utf8)
        let line = Array("sha256:\(digest.hex)".utf8)
        #expect(digest.isWritten(as: line[7...]))
        #expect(!digest.isWritten(as: line[7...].dropLast()) && !digest.isWritten(as: line[6...]))
        #expect(!digest.isWritten(as: Array(digest.hex.uppercased().utf8)[...]))
        for place in 7..<line.count {
            var other = line
            other[place] ^= 1
            #expect(!digest.isWritten(as: other[7...]), "\(place)")
        }
    }

    @Test func piecesMakeTheSameDigestAsTheWhole() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hash(data: bytes)
        for place in bytes.indices {
            var hash = SHA256()
            hash.update(data: bytes[..<place])
            hash.update(data: EmptyCollection<UInt8>())
            hash.update(data: bytes[place...].lazy.map { $0 })
            #expect(hash.finalize() == whole, "divided at \(place)")
        }
    }

    @Test func aCopyAndADigestTakenMidwayChangeNothing() {
        var hash = SHA256()
        hash.update(data: "ab".utf8)
        var other = hash
        other.update(data: "x".utf8)
        #expect(hash.finalize() == SHA256.hash(data: "ab".utf8))
        hash.update(data: "c".utf8)
        #expect(hash.finalize() == SHA256.hash(data: "abc".utf8))
        #expect(other.finalize() == SHA256.hash(data: "abx".utf8))
    }

    @Test func theHashOfANameIsThatOfTheStandard() {
        #expect(
            hmacSHA1("Hi There", salt: [UInt8](repeating: 0x0b, count: 20)).hex
                == "b617318655057264e28bc0b6fb378c8ef146be00")
        #expect(
            hmacSHA1("what do ya want for nothing?", salt: "Jefe".utf8).hex
                == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
    }

    /// From RFC 4231, sections 4.2 and 4.3.
    @Test func theHMACIsThatOfTheStandard() {
        #expect(
            hmacSHA256(Array("Hi There".utf8), key: [UInt8](repeating: 0x0b, count: 20)).hex
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8)).hex
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }
}
