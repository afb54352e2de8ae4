import ClientKit
import Foundation

/// An envelope of in-toto metadata with one signature (DSSE).
public struct DSSEEnvelope: Codable, Sendable, Hashable {
    /// A signature and the key that made it.
    public struct Signature: Codable, Sendable, Hashable {
        /// The name of the key: see ``DSSEEnvelope/keyID(ofEd25519:)``.
        public let keyid: String
        /// The signature in base64.
        public let sig: String
    }

    /// What all of in-toto's metadata is.
    public static let payloadType = "application/vnd.in-toto+json"

    /// The metadata in base64.
    public let payload: String
    /// What the payload is.
    public let payloadType: String
    /// Who signed.
    public let signatures: [Signature]

    /// Puts an envelope together.
    public init(_ payload: [UInt8], key: [UInt8], signature: [UInt8]) {
        self.payload = Data(payload).base64EncodedString()
        payloadType = Self.payloadType
        let sig = Data(signature).base64EncodedString()
        signatures = [Signature(keyid: Self.keyID(ofEd25519: key), sig: sig)]
    }

    /// What is signed.
    public static func signedData(_ payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }

    /// The name that in-toto gives an ed25519 key: the SHA-256 of its canonical JSON.
    public static func keyID(ofEd25519 key: [UInt8]) -> String {
        let hex = key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let canonical =
            #"{"keytype":"ed25519","keyval":{"public":"\#(hex)"},"scheme":"ed25519"}"#
        return SHA256.hash(data: Array(canonical.utf8)).hex
    }
}
