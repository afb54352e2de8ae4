import ClientKit
import Foundation
import Testing

@testable import SSH

/// Opens a connection that must fail, and returns why.
func failure(
    to destination: SSHDestination, through: JumpHost? = nil, window: LoginWindow? = nil,
    passphrase: @escaping @Sendable (String) async -> Secret? = { _ in nil }
) async throws -> SSHError {
    do throws(SSHError) {
        let connection = try await SSHConnection.open(
            to: destination, through: through, window: window, passphrase: passphrase)
        await connection.close()
    } catch {
        return error
    }
    throw UnexpectedSuccess()
}

/// Runs a command that must fail, and returns why.
func failure(of command: RemoteCommand, on connection: SSHConnection) async throws -> SSHError {
    do throws(SSHError) {
        _ = try await connection.run(command)
    } catch {
        return error
    }
    throw UnexpectedSuccess()
}

struct UnexpectedSuccess: Error {}

@Suite(.limitedParallelism) struct HostKeyTests {
    /// The server must have seen nothing of the user: no name, no key.
    private func expectRefused(_ server: TestServer, knownHosts: String) async throws -> SSHError {
        let error = try await failure(to: server.destination(knownHosts: knownHosts))
        #expect(error.phase == .hostKey)
        #expect(error.kind == .refused)
        #expect(error.hostName == "master-01")
        #expect(error.endpoint == "127.0.0.1:\(server.port)")
        try await eventually("the connection ends") { try server.log.contains("preauth") }
        #expect(try !server.log.contains("userauth-request"))
        return error
    }

    private func fingerprint(_ server: TestServer, _ type: String = "ed25519") async throws -> String {
        let text = try await shell("/usr/bin/ssh-keygen", ["-l", "-f", server.path("host_\(type).pub")])
        return String(text.split(separator: " ")[1])
    }

    @Test func anUnknownHostIsRefusedWithTheRemedy() async throws {
        let server = try await TestServer()
        let error = try await expectRefused(server, knownHosts: "otherhost \(server.hostKeyLine())\n")
        #expect(error.cause.contains(try await fingerprint(server)))
        #expect(error.cause.contains("ssh-ed25519"))
        #expect(error.remedy.contains("ssh-keyscan -p \(server.port) 127.0.0.1"))
    }

    @Test func aChangedKeyIsRefusedWithBothFingerprints() async throws {
        let server = try await TestServer()
        let user = try String(contentsOfFile: server.userKey + ".pub", encoding: .utf8)
        let error = try await expectRefused(server, knownHosts: "\n[127.0.0.1]:\(server.port) \(user)")
        #expect(error.cause.contains(try await fingerprint(server)))
        #expect(error.cause.components(separatedBy: "SHA256:").count == 3)
        #expect(error.cause.contains(":2)"))
        #expect(error.remedy.contains("ssh-keygen -R '[127.0.0.1]:\(server.port)'"))
    }

    @Test func aRevokedKeyIsRefused() async throws {
        let server = try await TestServer()
        let key = try server.hostKeyLine()
        let error = try await expectRefused(
            server, knownHosts: "[127.0.0.1]:\(server.port) \(key)\n@revoked * \(key)\n")
        #expect(error.cause.contains("revokes"))
        #expect(error.cause.contains(":2"))
    }

    @Test func anotherTypeOfKeyIsRefused() async throws {
        let server = try await TestServer(hostKeys: ["ecdsa"])
        let user = try String(contentsOfFile: server.userKey + ".pub", encoding: .utf8)
        let error = try await expectRefused(server, knownHosts: "[127.0.0.1]:\(server.port) \(user)")
        #expect(error.cause.contains("ecdsa-sha2-nistp256"))
    }

    @Test func aCertificateAuthorityIsNotSupported() async throws {
        let server = try await TestServer()
        let error = try await expectRefused(server, knownHosts: "@cert-authority * \(server.hostKeyLine())\n")
        #expect(error.cause.contains("not supported"))
    }

    @Test func aMissingFileIsEmptyAndAnUnreadableOneAnError() async throws {
        let server = try await TestServer()
        var destination = try server.destination()
        destination.knownHosts = ["/nonexistent/known_hosts"]
        #expect(try await failure(to: destination).phase == .hostKey)
        destination.knownHosts = [server.directory.path]
        #expect(try await failure(to: destination).kind == .badInput)
    }

    @Test(arguments: ["ed25519", "ecdsa"]) func theKnownTypeIsAskedFor(_ type: String) async throws {
        let server = try await TestServer(hostKeys: ["ed25519", "ecdsa"])
        let destination = try server.destination(knownHosts: "[127.0.0.1]:\(server.port) \(server.hostKeyLine(type))\n")
        let connection = try await SSHConnection.open(to: destination)
        #expect(await connection.hostKeyFingerprint == (try await fingerprint(server, type)))
        await connection.close()
    }

    @Test func aHashedEntryIsFound() async throws {
        let server = try await TestServer()
        let destination = try server.destination()
        try await shell("/usr/bin/ssh-keygen", ["-q", "-H", "-f", destination.knownHosts[0]])
        await (try SSHConnection.open(to: destination)).close()
    }

    @Test func aServerWithoutAnAlgorithmInCommonIsExplained() async throws {
        let server = try await TestServer(["MACs hmac-sha2-256-etm@openssh.com"])
        let error = try await failure(to: server.destination())
        #expect(error.phase == .handshake)
        #expect(error.cause.contains("no MAC algorithm in common: the server offers hmac-sha2-256-etm@openssh.com"))
        #expect(error.remedy.contains("MACs"))
    }

    @Test func aServerWithPostQuantumKeyExchangeOnlyIsExplained() async throws {
        let server = try await TestServer(["KexAlgorithms sntrup761x25519-sha512@openssh.com"])
        #expect(try await failure(to: server.destination()).cause.contains("no key exchange algorithm in common"))
    }

    @Test func aServerWithAnRSAHostKeyOnlyIsExplained() async throws {
        let server = try await TestServer(hostKeys: ["rsa"])
        let destination = try server.destination(
            knownHosts: "[127.0.0.1]:\(server.port) \(server.hostKeyLine("rsa"))\n")
        #expect(try await failure(to: destination).cause.contains("no host key algorithm in common"))
    }

    @Test func aKnownRSAKeyIsAskedForFirst() async throws {
        let server = try await TestServer(["HostKeyAlgorithms +ssh-rsa"], hostKeys: ["rsa", "ed25519"])
        let destination = try server.destination(
            knownHosts: "[127.0.0.1]:\(server.port) \(server.hostKeyLine("rsa"))\n")
        let connection = try await SSHConnection.open(to: destination)
        #expect(await connection.hostKeyFingerprint == (try await fingerprint(server, "rsa")))
        await connection.close()
    }

    /// libssh2 1.10 verifies RSA keys with SHA-1 only, which servers do not offer any more.
    @Test func aKnownRSAKeyThatCannotBeVerifiedRaisesNoSuspicion() async throws {
        let server = try await TestServer(hostKeys: ["rsa", "ed25519"])
        let line = "[127.0.0.1]:\(server.port) \(try server.hostKeyLine("rsa"))\n"
        let destination = try server.destination(knownHosts: line)
        if !Session.supportsRSAWithSHA2 {
            let error = try await failure(to: destination)
            #expect((error.phase, error.kind) == (.hostKey, .refused))
            #expect(error.cause.contains("only its RSA key is known"))
            #expect(!error.description.contains("in between"))
            #expect(!error.remedy.contains("ssh-keygen -R"))
            // The remedy is a command, which leaves the known line in its place and proves the new one by it.
            let command = String(try #require(error.remedy.split(separator: ": ", maxSplits: 1).last))
            let key = "-F /dev/null -o IdentitiesOnly=yes -i \(server.userKey)"
            try await shell("/bin/sh", ["-c", command.replacing("ssh ", with: "ssh \(key) ", maxReplacements: 1)])
            #expect(try String(contentsOfFile: destination.knownHosts[0], encoding: .utf8).hasPrefix(line))
        }
        await (try SSHConnection.open(to: destination)).close()
    }
}
