import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

/// Keys, and what the real ssh-keygen says about signatures that are made with them.
struct SigningKeys {
    static let namespace = "keybuzz-runner"
    static let kinds = [
        ["-t", "ed25519"], ["-t", "ecdsa"], ["-t", "ecdsa", "-b", "384"], ["-t", "ecdsa", "-b", "521"],
        ["-t", "rsa", "-b", "2048"],
    ]

    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "signing-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    func make(_ options: [String], passphrase: String = "") async throws -> String {
        let path = "\(folder)/key-\(UUID().uuidString.prefix(8))"
        try await TestServer.makeKey(path, options, passphrase: passphrase)
        return path
    }

    func publicKey(_ path: String) throws -> String {
        let words = try String(contentsOfFile: "\(path).pub", encoding: .utf8).split(separator: " ")
        return words.prefix(2).joined(separator: " ")
    }

    /// What `ssh-keygen -Y verify` exits with.
    func verify(
        _ signature: String, over message: [UInt8], allowed: String, options: String = ""
    ) async throws -> Int32 {
        let stem = "\(folder)/\(UUID())"
        try signature.write(toFile: "\(stem).sig", atomically: true, encoding: .utf8)
        try Data(message).write(to: URL(filePath: "\(stem).message"))
        try allowed.write(toFile: "\(stem).allowed", atomically: true, encoding: .utf8)
        let command =
            "ssh-keygen -Y verify -f \(stem).allowed -I operator -n \(Self.namespace) -s \(stem).sig \(options) "
            + "< \(stem).message"
        return try await ChildProcess("/bin/sh", ["-c", command]).wait()
    }
}

/// An agent of this test, which has the keys that are given to it.
struct TestAgent {
    let socket: String
    let process: ChildProcess

    init(in folder: String, _ options: [String] = []) async throws {
        let socket = "\(folder)/agent-\(UUID().uuidString.prefix(8))"
        self.socket = socket
        process = try ChildProcess("/usr/bin/ssh-agent", ["-D", "-a", socket] + options)
        try await eventually("the agent listens") { FileManager.default.fileExists(atPath: socket) }
    }

    func add(_ path: String, _ options: [String] = [], askpass: String? = nil) async throws {
        var environment = ["SSH_AUTH_SOCK": socket]
        if let askpass { environment.merge(["SSH_ASKPASS": askpass, "SSH_ASKPASS_REQUIRE": "force"]) { $1 } }
        try await shell("/usr/bin/ssh-add", ["-q"] + options + [path], environment: environment)
    }
}

@Suite(.limitedParallelism) struct SignatureTests {
    @Test(arguments: SigningKeys.kinds) func sshKeygenAcceptsWhatAKeyFileSigns(_ kind: [String]) async throws {
        let keys = try SigningKeys()
        for form in [[], ["-m", "PEM"], ["-m", "PKCS8"]] where form.isEmpty || kind[1] != "ed25519" {
            for passphrase in form.isEmpty ? [""] : ["", "with spaces & ünïcode"] {
                let path = try await keys.make(kind + form, passphrase: passphrase)
                let key = OperatorKey(.keyFile(path)) { _ in Secret(passphrase) }
                try await expectAccepted(key, of: path, keys, isOpen: passphrase.isEmpty)
            }
        }
    }

    @Test(arguments: SigningKeys.kinds) func sshKeygenAcceptsWhatAnAgentSigns(_ kind: [String]) async throws {
        let keys = try SigningKeys()
        let agent = try await TestAgent(in: keys.folder)
        defer { agent.process.end() }
        let path = try await keys.make(kind)
        try await agent.add(path)
        let key = OperatorKey(.agent(publicKey: "\(path).pub"), agentSocket: agent.socket) { _ in nil }
        try await expectAccepted(key, of: path, keys)
    }

    private func expectAccepted(_ key: OperatorKey, of path: String, _ keys: SigningKeys, isOpen: Bool = true)
        async throws
    {
        let message = Array("a head\n".utf8)
        let signature = try await key.sign(message, namespace: SigningKeys.namespace)
        let allowed = try "operator \(keys.publicKey(path))\n"
        #expect(try await keys.verify(signature.armored, over: message, allowed: allowed) == 0, "\(path)")
        #expect(try await keys.verify(signature.armored, over: message + [0], allowed: allowed) != 0)
        let read = try #require(SSHSignature(signature.armored))
        #expect(read == signature && read.isRight(over: message) && !read.isRight(over: message + [0]))
        // What ssh-keygen signs, this program accepts.
        guard isOpen else { return }
        try Data(message).write(to: URL(filePath: "\(path).message"))
        try await shell(
            "/usr/bin/ssh-keygen", ["-q", "-Y", "sign", "-f", path, "-n", SigningKeys.namespace, "\(path).message"])
        let theirs = try #require(SSHSignature(try String(contentsOfFile: "\(path).message.sig", encoding: .utf8)))
        #expect(theirs.isRight(over: message) && !theirs.isRight(over: [0] + message))
    }

    @Test func anEncryptedKeyFileSignsThroughTheAgentAndOtherwiseSaysWhy() async throws {
        let keys = try SigningKeys()
        let agent = try await TestAgent(in: keys.folder)
        defer { agent.process.end() }
        let path = try await keys.make(["-t", "ed25519"], passphrase: "hunter22")
        let key = OperatorKey(.keyFile(path), agentSocket: agent.socket) { _ in Secret("hunter22") }
        let message = Array("a head\n".utf8)
        let refusal = try await refusal(key)
        #expect(refusal.cause.contains("encrypted") && refusal.cause.contains("does not have the key"))
        #expect(refusal.remedy.contains("ssh-add \(path)"))
        let askpass = "\(keys.folder)/askpass"
        // Written by another process: one that this one starts meanwhile must not have it open for writing.
        let script = "printf '#!/bin/sh\\necho hunter22\\n' > \(askpass); chmod 700 \(askpass)"
        try await shell("/bin/sh", ["-c", script])
        try await agent.add(path, askpass: askpass)
        let signature = try await key.sign(message, namespace: SigningKeys.namespace)
        let allowed = try "operator \(keys.publicKey(path))\n"
        #expect(try await keys.verify(signature.armored, over: message, allowed: allowed) == 0)
    }

    @Test func anAgentThatIsGoneRefusesOrIsSilentIsTheReason() async throws {
        let keys = try SigningKeys()
        let agent = try await TestAgent(in: keys.folder)
        let path = try await keys.make(["-t", "ed25519"])
        // Confirmed by a program that refuses.
        try await agent.add(path, ["-c"])
        let key = OperatorKey(.agent(publicKey: "\(path).pub"), agentSocket: agent.socket) { _ in nil }
        #expect(try await refusal(key).cause == "the agent did not sign: it refused")
        try await shell("/usr/bin/ssh-add", ["-q", "-D"], environment: ["SSH_AUTH_SOCK": agent.socket])
        #expect(try await refusal(key).cause == "the agent did not sign: it does not have the key")
        try await agent.add(path)
        _ = try await key.sign([1], namespace: SigningKeys.namespace)
        agent.process.end()
        #expect(try await refusal(key).cause.contains("does not respond"))
        let silent = try SilentUnixListener(path: "\(keys.folder)/silent")
        let waiting = OperatorKey(
            .agent(publicKey: "\(path).pub"), agentSocket: "\(keys.folder)/silent",
            agentLimit: TimeLimit(.seconds(1), key: "limits.agent")
        ) { _ in nil }
        let started = ContinuousClock.now
        let cause = try await refusal(waiting).cause
        #expect(cause == "the agent did not sign: it gave no answer within 1 s (limits.agent)")
        #expect(.now - started < .seconds(20))
        withExtendedLifetime(silent) {}
    }

    private func refusal(_ key: OperatorKey) async throws -> OperatorKey.Refusal {
        do {
            _ = try await key.sign([1], namespace: SigningKeys.namespace)
        } catch {
            return error
        }
        throw Unexpected(description: "the key signed")
    }

    private struct Unexpected: Error, CustomStringConvertible { let description: String }

    /// Whoever has no key could write them so: ssh-keygen refuses the first two, and takes no offence at the last.
    @Test func theNumbersOfASignatureAreWrittenInOneWay() async throws {
        let keys = try SigningKeys()
        let path = try await keys.make(["-t", "ecdsa"])
        let message = Array("a head\n".utf8)
        let allowed = try "operator \(keys.publicKey(path))\n"
        let marks: [(String, UInt8)] = [("more after them", 1), ("without the sign", 2), ("with zeros before them", 3)]
        for (name, mark) in marks {
            var edited: String?
            // Half of all numbers have a zero before them.
            for _ in 0..<40 where edited == nil {
                let signature = try await OperatorKey(.keyFile(path)) { _ in nil }
                    .sign(message, namespace: SigningKeys.namespace)
                edited = Self.edit(signature.armored, mark)
            }
            let text = try #require(edited, "\(name)")
            #expect(SSHSignature(text)?.isRight(over: message) != true, "\(name)")
            #expect(try await (keys.verify(text, over: message, allowed: allowed) == 0) == (mark == 3), "\(name)")
        }
    }

    private static func edit(_ armored: String, _ mark: UInt8) -> String? {
        let lines = armored.split(separator: "\n")
        guard let data = Data(base64Encoded: lines.dropFirst().dropLast().joined()) else { return nil }
        var bytes = [UInt8](data)
        func length(_ at: Int) -> Int { bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }
        func grow(_ at: Int, by count: Int) { bytes[at + 3] = UInt8(Int(bytes[at + 3]) + count) }
        // Magic and version, then key, namespace, reserved field and hash; in the signature algorithm, then numbers.
        var outer = 10
        for _ in 0..<4 { outer += 4 + length(outer) }
        let inner = outer + 4 + 4 + length(outer + 4)
        let first = inner + 4
        switch mark {
        case 1: bytes.append(0x41)
        case 2:
            guard length(first) == 33 else { return nil }
            bytes.remove(at: first + 4)
        default: bytes.insert(0, at: first + 4)
        }
        let change = mark == 2 ? -1 : 1
        for place in mark == 1 ? [outer, inner] : [outer, inner, first] { grow(place, by: change) }
        let text = Data(bytes).base64EncodedString(options: [.lineLength76Characters, .endLineWithLineFeed])
        return "\(lines[0])\n\(text)\n\(lines[lines.count - 1])\n"
    }
}
