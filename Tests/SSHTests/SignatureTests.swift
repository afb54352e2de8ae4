import ClientKit
import Foundation
import SSH
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
        let asking = askpass.map { ["SSH_ASKPASS=\($0)", "SSH_ASKPASS_REQUIRE=force"] } ?? []
        try await shell(
            "/usr/bin/ssh-add", ["-q"] + options + [path], environment: ["SSH_AUTH_SOCK=\(socket)"] + asking)
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
        try await shell("/usr/bin/ssh-add", ["-q", "-D"], environment: ["SSH_AUTH_SOCK=\(agent.socket)"])
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
}

/// What a file of allowed signers means, beside what ssh-keygen makes of it.
@Suite(.limitedParallelism) struct AllowedSignersTests {
    /// When the signatures are said to be made.
    private static let time = "20260615120000Z"

    @Test(arguments: [
        ("", true), ("namespaces=\"keybuzz-runner\" ", true), ("namespaces=\"git,keybuzz-*\" ", true),
        ("namespaces=\"git\" ", false), ("namespaces=\"*,!keybuzz-runner\" ", false),
        ("namespaces=\"Keybuzz-runner\" ", false), ("valid-after=\"20260601Z\" ", true),
        ("valid-after=\"20260701Z\" ", false), ("valid-before=\"20260701Z\" ", true),
        ("valid-before=\"202606151159Z\" ", false), ("valid-before=\"20260615120001Z\" ", true),
        ("valid-after=\"20260601Z\",valid-before=\"20260701Z\",namespaces=\"keybuzz-runner\" ", true),
        ("namespaces=\"keybuzz-runner\",valid-before=\"20260101Z\" ", false), ("cert-authority ", false),
    ]) func optionsMeanWhatTheyMeanToSSHKeygen(options: String, isAllowed: Bool) async throws {
        let keys = try SigningKeys()
        let path = try await keys.make(["-t", "ed25519"])
        let message = Array("a head\n".utf8)
        let signature = try await OperatorKey(.keyFile(path)) { _ in nil }
            .sign(message, namespace: SigningKeys.namespace)
        let text = try "# who may sign\n\n\"operator\" \(options)\(keys.publicKey(path)) a comment\n"
        let time = try Date("2026-06-15T12:00:00Z", strategy: .iso8601)
        for text in [text, text.replacing("\n", with: "\r\n")] {
            let theirs = try await keys.verify(
                signature.armored, over: message, allowed: text, options: "-Overify-time=\(Self.time)")
            #expect((theirs == 0) == isAllowed)
            let answer = try AllowedSigners(text).answer(on: signature, at: time)
            #expect((answer == .allowed(principal: "operator")) == isAllowed, "\(answer)")
        }
        let stranger = try await keys.make(["-t", "ed25519"])
        #expect(try AllowedSigners("operator \(keys.publicKey(stranger))").answer(on: signature, at: time) == .unknown)
    }

    @Test(arguments: ["operator", "operator ssh-ed25519 AAAA", "operator touch=\"x\" ssh-ed25519 AAAA", "a b c d"])
    func aLineThatCannotBeUnderstoodIsAnError(line: String) throws {
        let error = #expect(throws: AllowedSigners.Problem.self) { try AllowedSigners("\n\(line)\n") }
        #expect(error?.line == 2)
    }
}
