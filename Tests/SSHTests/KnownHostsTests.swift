import ClientKit
import Foundation
import Glibc
import Testing

@testable import SSH

@Suite struct KnownHostsTests {
    private let key = Self.makeKey("ssh-ed25519", 1)
    private let other = Self.makeKey("ssh-ed25519", 2)
    private let ecdsa = Self.makeKey("ecdsa-sha2-nistp256", 3)

    private static func makeKey(_ type: String, _ byte: UInt8) -> PublicKey {
        PublicKey(blob: WireReader.string(Array(type.utf8)) + WireReader.string([UInt8](repeating: byte, count: 32)))
    }

    private func verdict(_ text: String, host: String = "10.0.0.100", port: UInt16 = 22) -> KnownHosts.Verdict {
        var known = KnownHosts()
        known.add(KnownHostsFile(Array(text.utf8), name: "kh"))
        return known.verdict(on: key, host: host, port: port)
    }

    private func at(_ line: Int) -> KnownHosts.Location { KnownHosts.Location(file: "kh", line: line) }

    private func hashed(_ name: String) -> String {
        let salt = Data(repeating: 7, count: 20)
        let hash = Data(hmacSHA1(name, salt: salt).bytes)
        return "|1|\(salt.base64EncodedString())|\(hash.base64EncodedString())"
    }

    @Test(arguments: [
        "10.0.0.100", "a,10.0.0.100,b", "10.0.0.*", "10.0.0.10?", "*", "10.*.0.1*0", "!10.0.0.101,10.0.0.*",
    ])
    func namesThatMatch(_ hosts: String) {
        #expect(verdict("\(hosts) \(key.line)") == .trusted(at(1)))
        #expect(verdict("# comment\r\n\r\n\t\(hosts)\t\(key.line) some comment\r\n") == .trusted(at(3)))
    }

    @Test(arguments: ["10.0.0.1", "10.0.0.1000", "10.0.0.?", "!10.0.0.100,10.0.0.*", "10.0.0.*,!*", "!10.0.0.100", ","])
    func namesThatDoNot(_ hosts: String) {
        #expect(verdict("\(hosts) \(key.line)") == .unknown)
    }

    @Test func namesAreCaseInsensitive() {
        #expect(verdict("Master-01.Example \(key.line)", host: "MASTER-01.example") == .trusted(at(1)))
        #expect(verdict("\(hashed("master-01")) \(key.line)", host: "Master-01") == .trusted(at(1)))
    }

    @Test func hashedNames() {
        #expect(verdict("\(hashed("10.0.0.100")) \(key.line)") == .trusted(at(1)))
        #expect(verdict("\(hashed("10.0.0.101")) \(key.line)") == .unknown)
        #expect(verdict("\(hashed("[10.0.0.100]:2222")) \(key.line)", port: 2222) == .trusted(at(1)))
    }

    @Test func portsAsOpenSSHSeesThem() {
        #expect(verdict("[10.0.0.100]:2222 \(key.line)", port: 2222) == .trusted(at(1)))
        #expect(verdict("[10.0.0.100]:2222 \(key.line)") == .unknown)
        #expect(verdict("10.0.0.100 \(key.line)", port: 2222) == .trusted(at(1)))
        #expect(
            verdict("10.0.0.100 \(key.line)\n[10.0.0.100]:2222 \(other.line)", port: 2222)
                == .different([KnownHosts.Trusted(key: other, location: at(2))]))
    }

    @Test func differentKeys() {
        #expect(verdict("10.0.0.100 \(other.line)") == .different([KnownHosts.Trusted(key: other, location: at(1))]))
        #expect(verdict("10.0.0.100 \(ecdsa.line)") == .different([KnownHosts.Trusted(key: ecdsa, location: at(1))]))
        #expect(verdict("10.0.0.100 \(other.line)\n10.0.0.100 \(key.line)") == .trusted(at(2)))
    }

    @Test func revocationWinsWhereverItStands() {
        #expect(verdict("10.0.0.100 \(key.line)\n@revoked * \(key.line)") == .revoked(at(2)))
        #expect(verdict("@revoked 10.0.0.100 \(key.line)\n10.0.0.100 \(key.line)") == .revoked(at(1)))
        #expect(
            verdict("@revoked 10.0.0.100 \(key.line)\n[10.0.0.100]:2222 \(key.line)", port: 2222) == .revoked(at(1)))
        #expect(verdict("@revoked 10.0.0.100 \(other.line)\n10.0.0.100 \(key.line)") == .trusted(at(2)))
        #expect(verdict("@revoked 10.0.0.101 \(key.line)\n10.0.0.100 \(key.line)") == .trusted(at(2)))
    }

    @Test(arguments: [
        "@revoked 10.0.0.100", "@revoked", "@revoked * ssh-ed25519 %%%", "@revoked |1|x|y ssh-ed25519 AAAA",
        "@Revoked *",
        "@revoke 10.0.0.100 ssh-ed25519 AAAA",
    ])
    func whatMayBeARevocationIsNotSkipped(_ line: String) {
        #expect(verdict("10.0.0.100 \(key.line)\n\(line)") == .unreadableMarker(at(2)))
    }

    @Test func anUnreadableRevocationOfAnotherHostDoesNotConcernThisOne() {
        #expect(verdict("10.0.0.100 \(key.line)\n@revoked 10.0.0.101 garbage") == .trusted(at(1)))
    }

    @Test func malformedLinesAreSkipped() {
        let line = key.line.split(separator: " ")
        for malformed in [
            "10.0.0.100", "10.0.0.100 ssh-ed25519", "10.0.0.100 ssh-rsa \(line[1])", "10.0.0.100 \(line[0]) A===", "\0",
        ] {
            #expect(verdict(malformed) == .unknown)
            #expect(verdict("\(malformed)\n10.0.0.100 \(key.line)") == .trusted(at(2)))
        }
    }

    @Test func aCertificateAuthorityAloneIsNotEnough() {
        #expect(verdict("@cert-authority * \(key.line)") == .certificateAuthority(at(1)))
        #expect(verdict("@cert-authority * \(other.line)\n10.0.0.100 \(key.line)") == .trusted(at(2)))
    }

    @Test func knownTypesAreAskedForFirst() {
        var known = KnownHosts()
        known.add(KnownHostsFile(Array("10.0.0.100 \(ecdsa.line)".utf8), name: "kh"))
        let destination = SSHDestination(
            name: "m", address: "10.0.0.100", user: "root", identity: .keyFile("x"), knownHosts: [])
        #expect(destination.hostKeyPreference(known).hasPrefix("ecdsa-sha2-nistp256,ssh-ed25519,"))
    }

    @Test func agreesWithOpenSSHOnHashedNames() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "kh-\(UUID())").path
        let text = "[master-01]:2222,10.0.0.100 \(key.line)\n"
        try text.write(to: URL(fileURLWithPath: file), atomically: true, encoding: .utf8)
        defer { for path in [file, file + ".old"] { unlink(path) } }
        try await shell("/usr/bin/ssh-keygen", ["-q", "-H", "-f", file])
        let contents = try String(contentsOfFile: file, encoding: .utf8)
        #expect(contents.hasPrefix("|1|"))
        var known = KnownHosts()
        known.add(KnownHostsFile(Array(contents.utf8), name: "kh"))
        #expect(known.verdict(on: key, host: "master-01", port: 2222) == .trusted(at(1)))
        #expect(known.verdict(on: key, host: "10.0.0.100", port: 22) == .trusted(at(2)))
        #expect(known.verdict(on: key, host: "master-01", port: 22) == .unknown)
    }

    @Test func aFileIsReadOnceAndAgainWhenItChanges() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "kh-\(UUID())").path
        defer { unlink(file) }
        try Data("10.0.0.100 \(key.line)\n".utf8).write(to: URL(fileURLWithPath: file))
        // One that was written a moment ago may be written again in the same moment.
        try await eventually("it counts as old") {
            try KnownHostsFile.read(file) === KnownHostsFile.read(file)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("@revoked * \(key.line)\n".utf8))
        var known = KnownHosts()
        known.add(try KnownHostsFile.read(file))
        #expect(known.verdict(on: key, host: "10.0.0.100", port: 22) == .revoked(.init(file: file, line: 2)))
        unlink(file)
        #expect(throws: Errno(code: ENOENT)) { try KnownHostsFile.read(file) }
    }
}
