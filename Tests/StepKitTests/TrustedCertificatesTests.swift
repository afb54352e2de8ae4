import ClientKit
import Foundation
import Testing

@testable import StepKit

@Suite struct TrustedCertificatesTests {
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBszCCAVmgAwIBAgIUQ+x/AA==
        -----END CERTIFICATE-----
        """

    private func read(_ text: String) throws -> String {
        let folder = try TemporaryFolder()
        let path = folder.path + "/ca.pem"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try TrustedCertificates.read(path, key: "postgres.rootCertificate")
    }

    @Test func nothingButTheCertificatesIsTaken() throws {
        let text = "subject=CN = ca\n\(Self.certificate)\nnotes\n\(Self.certificate)\n"
        #expect(try read(text) == "\(Self.certificate)\n\(Self.certificate)\n")
    }

    @Test(arguments: ["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"])
    func aPrivateKeyBesideItIsRefused(_ kind: String) throws {
        let error = try #require(throws: StepFailure.self) {
            try read("\(Self.certificate)\n-----BEGIN \(kind)-----\nMII=\n-----END \(kind)-----\n")
        }
        #expect(error.cause == "it holds a private key" && error.kind == .badInput)
    }

    @Test(arguments: ["", "30 82", "-----BEGIN CERTIFICATE REQUEST-----\nMII=\n-----END CERTIFICATE REQUEST-----\n"])
    func whatHoldsNoCertificateIsRefused(_ text: String) throws {
        let error = try #require(throws: StepFailure.self) { try read(text) }
        #expect(error.cause == "it holds no certificate in PEM")
    }

    @Test func aMissingFileIsNamed() throws {
        let error = try #require(throws: StepFailure.self) {
            try TrustedCertificates.read("/nonexistent/ca.pem", key: "postgres.rootCertificate")
        }
        #expect(error.attempt == "read postgres.rootCertificate, /nonexistent/ca.pem" && error.kind == .badInput)
    }
}
