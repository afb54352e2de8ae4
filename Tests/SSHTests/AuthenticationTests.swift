import ClientKit
import Foundation
import Glibc
import TestSupport
import Testing

@testable import SSH

@Suite(.limitedParallelism) struct AuthenticationTests {
    /// Makes a key that the server accepts and returns its path.
    private func authorizedKey(_ server: TestServer, _ options: [String], passphrase: String = "") async throws
        -> String
    {
        let path = server.path("key-\(UUID().uuidString.prefix(8))")
        try await TestServer.makeKey(path, options, passphrase: passphrase)
        try authorize(server, path)
        return path
    }

    private func authorize(_ server: TestServer, _ path: String) throws {
        let key = try String(contentsOfFile: path + ".pub", encoding: .utf8)
        let all = try String(contentsOfFile: server.path("authorized_keys"), encoding: .utf8) + key
        _ = try server.write(all, to: "authorized_keys")
    }

    private func expectLogin(_ destination: SSHDestination, passphrase: String? = nil) async throws {
        let connection = try await SSHConnection.open(to: destination) { _ in passphrase.map(Secret.init) }
        #expect(try await connection.run(RemoteCommand(["true"], effect: .read)).exitStatus == 0)
        await connection.close()
    }

    @Test(arguments: [
        ["-t", "ed25519"], ["-t", "ecdsa"], ["-t", "ecdsa", "-b", "384"], ["-t", "ecdsa", "-b", "521"],
        ["-t", "ecdsa", "-m", "PEM"], ["-t", "ecdsa", "-m", "PKCS8"], ["-t", "ecdsa", "-b", "521", "-m", "PKCS8"],
    ])
    func keyFilesOfEverySupportedForm(_ options: [String]) async throws {
        let server = try await TestServer()
        for passphrase in ["", "with spaces & ünïcode"] {
            let path = try await authorizedKey(server, options, passphrase: passphrase)
            try await expectLogin(server.destination(identity: .keyFile(path)), passphrase: passphrase)
        }
    }

    /// libssh2 reads no such file, and would call the passphrase wrong.
    @Test(arguments: ["", "with spaces & ünïcode"])
    func ed25519AsOpenSSLWritesIt(_ passphrase: String) async throws {
        let server = try await TestServer()
        let path = server.path("pkcs8")
        let cipher = passphrase.isEmpty ? [] : ["-aes256", "-pass", "pass:\(passphrase)"]
        try await shell(
            "/usr/bin/openssl", ["genpkey", "-algorithm", "ed25519", "-out", path] + cipher)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        let file = try KeyFile(path: path).decrypted(with: Secret(passphrase))
        _ = try server.write(#require(file.publicKey).line + "\n", to: "authorized_keys")
        try await expectLogin(server.destination(identity: .keyFile(path)), passphrase: passphrase)
        guard !passphrase.isEmpty else { return }
        let error = try await failure(to: server.destination(identity: .keyFile(path))) { _ in Secret("wrong") }
        #expect(error.cause.hasPrefix("the passphrase is wrong"), "\(error)")
    }

    @Test func anEncryptedRSAKeyIsNoWrongPassphrase() async throws {
        let server = try await TestServer()
        let path = try await authorizedKey(
            server, ["-t", "rsa", "-b", "2048", "-m", "PKCS8"], passphrase: "right one")
        let error = try await failure(to: server.destination(identity: .keyFile(path))) { _ in Secret("right one") }
        #expect(error.cause.contains("RSA key"))
        #expect(try !server.log.contains("Connection from"))
    }

    /// What has no end is not read to it, and what has nothing yet is not waited for.
    @Test func whatIsNoFileIsNoKey() async throws {
        let server = try await TestServer()
        let pipe = server.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let both = open(pipe, O_RDWR | O_CLOEXEC)
        defer { close(both) }
        for path in ["/dev/zero", pipe, server.directory.path] {
            let error = try await failure(to: server.destination(identity: .keyFile(path)))
            #expect((error.phase, error.kind) == (.authentication, .refused), "\(error)")
            #expect(error.remedy.contains("path of the key"), "\(error)")
            let unknown = try await failure(to: server.destination { $0.knownHosts = [path] })
            #expect((unknown.phase, unknown.kind) == (.hostKey, .badInput), "\(unknown)")
            #expect(unknown.remedy.contains("make \(path) a file"), "\(unknown)")
        }
        #expect(try !server.log.contains("Connection from"))
    }

    @Test func thePassphraseIsAskedOnceAndAWrongOneIsNamed() async throws {
        let server = try await TestServer()
        let path = try await authorizedKey(server, ["-t", "ed25519"], passphrase: "right one")
        let asked = Locked<[String]>([])
        let error = try await failure(to: server.destination(identity: .keyFile(path))) { path in
            asked.withLock { $0.append(path) }
            return Secret("wrong one")
        }
        #expect(asked.withLock { $0 } == [path])
        #expect(error.phase == .authentication)
        #expect(error.kind == .refused)
        #expect(error.cause == "the passphrase is wrong")
        #expect(!error.description.contains("wrong one"))
        let silent = try await failure(to: server.destination(identity: .keyFile(path)))
        #expect(silent.cause.contains("no passphrase was provided"))
        #expect(silent.remedy.contains("ssh-add \(path)"))
    }

    @Test func aRefusedKeyIsNamedWithUserAndMethods() async throws {
        let server = try await TestServer()
        let path = server.path("stranger")
        try await TestServer.makeKey(path, ["-t", "ed25519"])
        let fingerprint = try await shell("/usr/bin/ssh-keygen", ["-l", "-f", path]).split(separator: " ")[1]
        let error = try await failure(to: server.destination(identity: .keyFile(path)))
        #expect(error.phase == .authentication)
        #expect(error.kind == .refused)
        #expect(error.attempt.contains("as root"))
        #expect(error.attempt.contains(fingerprint))
        #expect(error.cause == "the server rejected the key; it accepts publickey")
    }

    @Test func keysThatCannotWorkAreExplainedBeforeConnecting() async throws {
        let server = try await TestServer()
        let rsa = try await authorizedKey(server, ["-t", "rsa", "-b", "2048"])
        #expect(try await failure(to: server.destination(identity: .keyFile(rsa))).cause.contains("RSA key"))
        let gcm = try await authorizedKey(
            server, ["-t", "ed25519", "-Z", "aes256-gcm@openssh.com"], passphrase: "secret")
        let error = try await failure(to: server.destination(identity: .keyFile(gcm)))
        #expect(error.cause.contains("aes256-gcm@openssh.com"))
        #expect(error.remedy.contains("ssh-keygen -p -Z aes256-ctr"))
        let open = try await authorizedKey(server, ["-t", "ed25519"])
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: open)
        let permissions = try await failure(to: server.destination(identity: .keyFile(open)))
        #expect(permissions.cause.contains("mode 0640"))
        #expect(permissions.remedy == "chmod 600 \(open)")
        let missing = try await failure(to: server.destination(identity: .keyFile("/nonexistent/key")))
        #expect(missing.kind == .badInput)
        let publicKey = try server.write(String(contentsOfFile: open + ".pub", encoding: .utf8), to: "public")
        #expect(
            try await failure(to: server.destination(identity: .keyFile(publicKey))).cause.contains("is a public key"))
        #expect(try !server.log.contains("Connection from"))
    }

    @Test func theAgentIsAskedForTheConfiguredKeyOnly() async throws {
        let server = try await TestServer()
        let socket = server.path("agent")
        let agent = try ChildProcess("/usr/bin/ssh-agent", ["-D", "-a", socket])
        defer { agent.end() }
        try await eventually("the agent listens") { FileManager.default.fileExists(atPath: socket) }
        func add(_ path: String) async throws {
            try await shell("/usr/bin/ssh-add", ["-q", path], environment: ["SSH_AUTH_SOCK": socket])
        }
        // More keys than a server lets one try.
        for _ in 0..<7 {
            let stranger = server.path("stranger-\(UUID().uuidString.prefix(8))")
            try await TestServer.makeKey(stranger, ["-t", "ed25519"])
            try await add(stranger)
        }
        for options in [["-t", "ed25519"], ["-t", "ecdsa"]] {
            let path = try await authorizedKey(server, options)
            let destination = try server.destination(identity: .agent(publicKey: path + ".pub")) {
                $0.agentSocket = socket
            }
            let error = try await failure(to: destination)
            #expect(error.kind == .refused)
            #expect(error.remedy.contains("ssh-add \(path)"))
            try await add(path)
            try await expectLogin(destination)
            let fingerprint = try await shell("/usr/bin/ssh-keygen", ["-l", "-f", path]).split(separator: " ")[1]
            try await expectLogin(
                server.destination(identity: .agent(publicKey: String(fingerprint))) { $0.agentSocket = socket })
        }
        let rsa = try await authorizedKey(server, ["-t", "rsa", "-b", "2048"])
        try await add(rsa)
        let error = try await failure(
            to: server.destination(identity: .agent(publicKey: rsa + ".pub")) { $0.agentSocket = socket })
        #expect(error.cause.contains("RSA"))
    }

    @Test func withoutAnAgentTheRemedySaysHowToStartOne() async throws {
        let server = try await TestServer()
        let error = try await failure(
            to: server.destination(identity: .agent(publicKey: server.userKey + ".pub")) {
                $0.agentSocket = "/nonexistent/agent"
            })
        #expect(error.kind == .refused)
        #expect(error.remedy.contains("ssh-add \(server.userKey)"))
    }

    @Test func anAgentThatGivesNoAnswerHoldsUpNobodyForLong() async throws {
        let server = try await TestServer()
        let agent = try SilentUnixListener(path: server.path("agent"))
        let destination = try server.destination(identity: .agent(publicKey: server.userKey + ".pub")) {
            $0.agentSocket = server.path("agent")
            $0.limits.connect = TimeLimit(.seconds(1), key: "limits.connect")
        }
        let error = try await failure(to: destination)
        #expect(error.kind == .refused)
        #expect(error.cause == "the SSH agent gave no answer within 1 s (limits.connect)")
        var patient = destination
        patient.limits.connect = .seconds(60)
        let task = Task { [patient] in try await failure(to: patient) }
        try await Task.sleep(for: .milliseconds(200))
        let cancelled = ContinuousClock.now
        task.cancel()
        #expect(try await task.value.kind == .failed)
        #expect(.now - cancelled < .seconds(30))
        withExtendedLifetime(agent) {}
    }

    @Test func anAccountWithoutAShellIsExplained() async throws {
        let server = try await TestServer(["ForceCommand echo This account is closed; exit 1"])
        let error = try await failure(to: server.destination())
        #expect(error.phase == .channel)
        #expect(error.cause.contains("This account is closed"))
    }
}
