import ClientKit
import Foundation
import TestSupport
import Testing

@testable import SSH

/// Random known_hosts files, judged here and by the real ssh.
@Suite(.limitedParallelism) struct KnownHostsComparisonTests {
    private static let environment = ProcessInfo.processInfo.environment

    /// What is trusted here is trusted by ssh; and the other way round, but for what might be a revocation.
    @Test func agreesWithSSHOnRandomFiles() async throws {
        let seed = Self.environment["RUNNER_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0 ... .max)
        print("seed of the known_hosts files: \(seed)")
        let server = try await TestServer()
        let fields = try server.hostKeyLine().split(separator: " ")
        let key = try #require(PublicKey(type: fields[0], base64: fields[1]))
        var generator = KnownHostsGenerator(seed: seed, key: key)
        var trusted = 0
        let rounds = Self.environment["RUNNER_TORTURE"] == nil ? 40 : 600
        for round in 0..<rounds {
            let (host, port, contents) = generator.next()
            let file = server.path("random")
            try Data(contents).write(to: URL(filePath: file))
            var known = KnownHosts()
            known.add(KnownHostsFile(contents, name: file))
            let verdict = known.verdict(on: key, host: host, port: port)
            let isAccepted = try await accepts(host, port: port, file: file, server: server)
            let start = String(decoding: contents.prefix(600), as: UTF8.self).debugDescription
            let description: Comment =
                "seed \(seed), round \(round): \(host) port \(port): \(verdict), ssh \(isAccepted ? "accepts" : "refuses"): \(start)"
            switch verdict {
            case .trusted:
                #expect(isAccepted, description)
                trusted += 1
            case .revoked, .unreadableMarker: break
            case .different, .certificateAuthority, .unknown: #expect(!isAccepted, description)
            }
        }
        print("trusted: \(trusted) of \(rounds)")
        #expect(trusted > 0 && trusted < rounds)
    }

    /// Whether ssh would log in to `host`; the server is always the same.
    private func accepts(
        _ host: String, port: UInt16, file: String, server: TestServer
    ) async throws -> Bool {
        let options = [
            "UserKnownHostsFile=\(file)", "GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes",
            "BatchMode=yes", "CheckHostIP=no", "PreferredAuthentications=none", "IdentityAgent=none",
            "ProxyCommand=busybox nc \(server.address) \(server.port)",
        ]
        let arguments = ["-F", "none", "-p", "\(port)", "-l", "root"] + options.flatMap { ["-o", $0] }
        let ssh = try ChildProcess("/usr/bin/ssh", arguments + [host, "true"])
        await ssh.wait()
        let said = try ssh.output
        let isAccepted = said.contains("Permission denied")
        try #require(isAccepted || said.contains("Host key verification failed"), "\(said)")
        return isAccepted
    }
}

/// Makes files that are nearly right; the same ones for the same seed.
private struct KnownHostsGenerator {
    private var random: SplitMix
    private let key: PublicKey
    private let hosts = ["master-01.example", "Master-01.Example", "10.0.0.100", "fe80::1"]

    init(seed: UInt64, key: PublicKey) {
        random = SplitMix(state: seed)
        self.key = key
    }

    mutating func next() -> (host: String, port: UInt16, contents: [UInt8]) {
        let host = pick(hosts)
        let port: UInt16 = pick([22, 2222])
        var contents: [UInt8] = []
        for _ in 0..<pick([1, 1, 2, 3, 5]) { contents += line(host, port) }
        return (host, port, contents)
    }

    private mutating func line(_ host: String, _ port: UInt16) -> [UInt8] {
        let blank = { (generator: inout Self) in Array(generator.pick([" ", " ", " ", "\t", "  ", " \t "]).utf8) }
        var bytes = Array(pick(["", "", "", "", "", "", "", " ", "\t", "# ", "#", "\r"]).utf8)
        let marker = chance(1, of: 6) ? pick(["@revoked", "@cert-authority", "@Revoked", "@"]) : ""
        if !marker.isEmpty { bytes += Array(marker.utf8) + blank(&self) }
        bytes += Array(names(host, port).utf8) + blank(&self)
        bytes += Array((chance(1, of: 8) ? pick(["ssh-rsa", "SSH-ED25519", "256 3"]) : key.type).utf8)
        bytes += blank(&self) + Array(base64().utf8)
        bytes += Array(pick(["", "", "", " ", "\t", " comment", "\tme@here  ", " # x", "\u{b}", " \u{fffd}é"]).utf8)
        if chance(1, of: 12) {
            bytes.insert(pick([0, 0xff, 13, 11, 12, 1, 0x7f, 0xa0]), at: Int(random.next() % UInt64(bytes.count)))
        }
        return bytes + Array(pick(["\n", "\n", "\n", "\r\n", " \n", "\r\r\n", "\n\n"]).utf8)
    }

    private mutating func names(_ host: String, _ port: UInt16) -> String {
        let name = KnownHosts.name(host: host, port: chance(1, of: 6) ? pick([22, 2222, 2223]) : port)
        switch random.next() % 20 {
        case 0: return hash(name, saltCount: pick([20, 20, 19, 21, 0]))
        case 1: return hash(pick([name, name + ".", "other"]), saltCount: 20)
        case 2: return "other," + name.uppercased()
        case 3: return name + pick([",", ",!", ",!other", ",!\(name)", ",!*", ",,x"])
        case 4: return pick(["!", "!!", "?", "*,!", "!*,"]) + name
        case 5: return pick(["*", "?*", "*.*", "[*]:*", "[*]:2222", "*:*", "??????????", "*a*e*"])
        case 6: return name.replacing("e", with: pick(["?", "*", "E", "**"]))
        case 7: return name.replacing("0", with: pick(["?", "*", "O", "!"]))
        case 8: return (0..<300).map { "other-\($0)" }.joined(separator: ",") + "," + name
        case 9: return String(repeating: "x", count: pick([1022, 1023, 1024, 5000])) + "," + name
        case 10: return String(repeating: "*", count: pick([1000, 1022, 1023, 1024])) + pick([",", ""]) + name
        case 11: return name + pick([":22", ".", "\u{301}", "%eth0", "\r", "\u{b}x"])
        default: return name
        }
    }

    private mutating func base64() -> String {
        let right = String(key.line.split(separator: " ")[1])
        switch random.next() % 20 {
        case 0: return String(right.dropLast(pick([1, 2, 4])))
        case 1: return right + pick(["=", "==", "A", "AAAA", ".", "\u{e9}"])
        case 2: return String(right.dropLast(4)) + pick(["AAAA", "zzzz"])
        case 3: return pick(["", "AAAA", "%", "=" + right])
        default: return right
        }
    }

    private mutating func hash(_ name: String, saltCount: Int) -> String {
        let salt = Data((0..<saltCount).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        let digest = Data(hmacSHA1(name, salt: salt).bytes)
        return "|1|\(salt.base64EncodedString())|\(digest.base64EncodedString())" + pick(["", "", "", "|", ",x"])
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int(random.next() % UInt64(values.count))]
    }

    private mutating func chance(_ part: UInt64, of whole: UInt64) -> Bool { random.next() % whole < part }
}

/// A generator of random numbers that a seed repeats.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
