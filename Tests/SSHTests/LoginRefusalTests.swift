import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

/// Keys and servers with which the login, or the first command, needs more than is there.
@Suite(.limitedParallelism) struct LoginRefusalTests {
    @Test func aServerThatAlsoRequiresAPasswordIsNamed() async throws {
        let server = try await TestServer([
            "PasswordAuthentication yes", "AuthenticationMethods publickey,password",
        ])
        let error = try await failure(to: server.destination())
        #expect((error.phase, error.kind) == (.authentication, .refused))
        #expect(error.cause == "the server accepted the key, but also requires password")
        #expect(error.remedy == "set AuthenticationMethods publickey for root in sshd_config there")
    }

    @Test(arguments: [
        ("PermitRootLogin no", "PermitRootLogin prohibit-password"),
        ("AuthenticationMethods publickey,publickey", "AuthenticationMethods publickey for root"),
    ])
    func aServerThatAcceptsTheKeyAndNotTheLoginIsNamed(option: String, needed: String) async throws {
        let server = try await TestServer([option])
        let error = try await failure(to: server.destination())
        #expect((error.phase, error.kind) == (.authentication, .refused))
        #expect(error.cause == "the server accepted the key, but did not permit the login")
        #expect(error.remedy.contains("check sshd's log there"))
        #expect(error.remedy.contains(needed))
    }

    @Test func keyFilesOfOtherProgramsAndSystems() async throws {
        let server = try await TestServer()
        let plain = server.path("ecparam")
        try await shell("/usr/bin/openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-out", plain])
        let text = try String(contentsOfFile: plain, encoding: .utf8)
        #expect(text.hasPrefix("-----BEGIN EC PARAMETERS-----"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: plain)
        let compressed = server.path("compressed")
        try await shell(
            "/usr/bin/openssl", ["ec", "-in", plain, "-conv_form", "compressed", "-out", compressed])
        let publicKey = try await shell("/usr/bin/ssh-keygen", ["-y", "-f", plain])
        let own = try String(contentsOfFile: server.path("authorized_keys"), encoding: .utf8)
        _ = try server.write(own + publicKey + "\n", to: "authorized_keys")
        let ed25519 = try String(contentsOfFile: server.userKey, encoding: .utf8)
        let others = [text, ed25519].map { $0.replacing("\n", with: "\r\n") }
        for key in [text, try String(contentsOfFile: compressed, encoding: .utf8)] + others {
            let path = try server.write(key, to: "key")
            let connection = try await SSHConnection.open(to: server.destination(identity: .keyFile(path)))
            await connection.close()
        }
    }

    /// A key of a FIDO token as ssh-keygen writes it: a handle, for which no token is needed until somebody signs.
    private func makeSecurityKey(_ path: String, on server: TestServer) async throws {
        func string(_ bytes: [UInt8]) -> [UInt8] { withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { $0 + bytes } }
        func text(_ text: String) -> [UInt8] { string(Array(text.utf8)) }
        let ed25519 = try String(contentsOfFile: server.userKey + ".pub", encoding: .utf8).split(separator: " ")[1]
        let point = try #require(Data(base64Encoded: String(ed25519))).suffix(32)
        let type = "sk-ssh-ed25519@openssh.com"
        let publicPart = text(type) + string(Array(point)) + text("ssh:")
        var secret: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 1] + publicPart + [1] + text("handle") + text("") + text("test")
        secret += (1...8).prefix(7 - (secret.count + 7) % 8)
        let file =
            Array("openssh-key-v1\0".utf8) + text("none") + text("none") + text("") + [0, 0, 0, 1]
            + string(publicPart) + string(secret)
        let body = Data(file).base64EncodedString(options: .lineLength64Characters)
        let name = "OPENSSH PRIVATE KEY-----\n"
        _ = try server.write("-----BEGIN \(name)\(body)\n-----END \(name)", to: path)
        _ = try server.write("\(type) \(Data(publicPart).base64EncodedString())\n", to: path + ".pub")
        // What OpenSSH does not read proves nothing.
        #expect(try await shell("/usr/bin/ssh-keygen", ["-y", "-f", server.path(path)]).contains(type))
    }

    @Test func securityKeysAndCertificatesOfAnAgentAreRefusedBeforeConnecting() async throws {
        let server = try await TestServer()
        let socket = server.path("agent")
        let agent = try ChildProcess("/usr/bin/ssh-agent", ["-D", "-a", socket])
        defer { agent.end() }
        try await eventually("the agent listens") { FileManager.default.fileExists(atPath: socket) }
        func destination(_ wanted: String) throws -> SSHDestination {
            try server.destination(identity: .agent(publicKey: wanted)) { $0.agentSocket = socket }
        }
        try await makeSecurityKey("sk", on: server)
        try await TestServer.makeKey(server.path("authority"), ["-t", "ed25519"])
        let key = server.userKey
        try await shell("/usr/bin/ssh-keygen", ["-q", "-s", server.path("authority"), "-I", "test", key + ".pub"])
        for path in [server.path("sk"), key] {
            try await shell("/usr/bin/ssh-add", ["-q", path], environment: ["SSH_AUTH_SOCK": socket])
        }
        let listed = try await shell("/usr/bin/ssh-add", ["-l"], environment: ["SSH_AUTH_SOCK": socket])
        #expect(listed.contains("(ED25519-SK)") && listed.contains("(ED25519-CERT)"))
        let fingerprints = try await shell("/usr/bin/ssh-keygen", ["-l", "-f", server.path("sk.pub")])
        for wanted in [server.path("sk.pub"), String(fingerprints.split(separator: " ")[1])] {
            let error = try await failure(to: destination(wanted))
            #expect((error.phase, error.kind) == (.authentication, .refused))
            #expect(error.cause.hasPrefix("it is of type sk-ssh-ed25519@openssh.com, and libssh2"))
            #expect(error.remedy.contains("ssh-keygen -t ed25519"))
        }
        let file = try await failure(to: server.destination(identity: .keyFile(server.path("sk"))))
        #expect(file.cause.contains("sk-ssh-ed25519@openssh.com"))
        let certificate = try await failure(to: destination(key + "-cert.pub"))
        #expect(certificate.kind == .refused)
        #expect(certificate.cause.contains("cannot log in with certificates"))
        #expect(try !server.log.contains("Connection from"))
        // The key beside its certificate is one that works.
        await (try SSHConnection.open(to: destination(key + ".pub"))).close()
    }

    @Test func aServerThatExecutesNothingIsNotTakenForDead() async throws {
        func own(_ path: String, _ line: String) throws -> String {
            try String(contentsOfFile: path, encoding: .utf8) + line + "\n"
        }
        let server = try await TestServer(files: [
            "/etc/passwd": own("/etc/passwd", "kb-full:x:4243:4243::/tmp:/bin/sh"),
            "/etc/shadow": own("/etc/shadow", "kb-full:*:19000:0:99999:7:::"),
        ])
        try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: server.directory.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: server.path("authorized_keys"))
        // sshd's own process for that user is the only one that it may have.
        try await shell("/usr/bin/prlimit", ["--pid", "\(server.process.pid)", "--nproc=1"])
        let error = try await failure(to: server.destination { $0.user = "kb-full" })
        #expect((error.phase, error.kind) == (.channel, .failed))
        #expect(error.cause == "the server refused to execute a command")
        #expect(error.remedy.contains("ulimit -u"))
    }
}
