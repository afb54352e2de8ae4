import ClientKit
import DataServers
import Foundation
import Postgres
import TestSupport
import Testing

@testable import StepKit

/// `pg_dump` on the backup host, with a server whose certificate it verifies.
@Suite(.serialized) struct VerifiedBackupTests {
    private static let password = "b4ckup's \"\\\\$%"
    private let server: PostgresServer
    private let folder: URL

    init() async throws {
        server = try PostgresServer(settings: "log_connections = on")
        folder = try makeTemporaryDirectory()
        let admin = try await PostgresWriter.connect(to: server.endpoint(), observer: IgnoringObserver())
        let literal = Self.password.replacing("'", with: "''")
        try await admin.execute("CREATE ROLE chatwoot LOGIN PASSWORD '\(literal)'")
        try await admin.execute("CREATE DATABASE chatwoot OWNER chatwoot")
        let own = try await PostgresWriter.connect(to: server.endpoint("chatwoot"), observer: IgnoringObserver())
        try await own.execute("CREATE TABLE users AS SELECT 1 AS id")
        try await own.execute("ALTER TABLE users OWNER TO chatwoot")
        await own.connection.close()
    }

    /// Saves the database from `host`, which leads to the server, as the inventory and the credentials say.
    private func save(
        from host: String, _ mode: String, rootCertificate: String?, trusting certificates: String?
    ) async throws -> Int {
        let root = rootCertificate.map { ", \"rootCertificate\": \"\($0)\"" } ?? ""
        let text = try InventorySample.changed([
            (
                "\"hosts\": [\"10.0.0.10\"], \"port\": 5432",
                "\"hosts\": [\"\(host)\"], \"port\": \(server.port), \"sslmode\": \"\(mode)\"\(root)"
            )
        ])
        let reader = BackupHostReader(
            name: "backup-01", directory: folder.appending(path: "copies").path,
            server: try InventorySample.parse(text).postgres, certificates: certificates,
            // The name resolves nowhere: this says where it is, as /etc/hosts of a backup host would.
            shell: LocalShell(environment: ["PGHOSTADDR": "127.0.0.1"]))
        let source = DumpSource(
            database: "chatwoot", user: "chatwoot", password: Secret(Self.password), tables: [.init(name: "users")],
            bytes: 1 << 20, serverVersion: "15.4")
        let file = try await reader.place(for: source, title: "copy")
        return try await BackupHostWriter(reader: reader)
            .save(source, as: file, within: .seconds(60), lock: .seconds(60), connect: .seconds(10))
    }

    private var files: [String] {
        get throws {
            let copies = folder.appending(path: "copies").path
            guard FileManager.default.fileExists(atPath: copies) else { return [] }
            return try FileManager.default.contentsOfDirectory(atPath: copies).sorted()
        }
    }

    @Test func theCertificateIsVerifiedAgainstTheInventorysAuthorityWhichIsNotLeftThere() async throws {
        let authority = try String(contentsOfFile: server.rootCertificate, encoding: .utf8)
        let full = try await save(
            from: "db.test", "verify-full", rootCertificate: server.rootCertificate, trusting: authority)
        #expect(full > 0)
        // Whose name it is does not matter to verify-ca.
        _ = try await save(
            from: "other.test", "verify-ca", rootCertificate: server.rootCertificate, trusting: authority)
        #expect(try files == ["copy-2.dump", "copy.dump"])
        let lines = server.log.split(separator: "\n").filter {
            $0.contains("authorized: user=chatwoot") && $0.contains("pg_dump")
        }
        #expect(lines.count >= 2 && lines.allSatisfy { $0.contains("SSL enabled") }, "\(lines)")
        server.stop()
        try FileManager.default.removeItem(at: folder)
    }

    @Test func whatDoesNotStandTheTestIsRefusedAndLeavesNothing() async throws {
        let authority = try String(contentsOfFile: server.rootCertificate, encoding: .utf8)
        let other = try TestCertificate()
        let stranger = try String(contentsOfFile: other.authority, encoding: .utf8)
        for (host, root, trusted, words) in [
            ("db.test", other.authority, stranger as String?, "certificate verify failed"),
            ("other.test", server.rootCertificate, authority, "does not match host name"),
            ("db.test", "system", nil, "certificate verify failed"),
        ] {
            let error = try await #require(throws: StepFailure.self) {
                try await save(from: host, "verify-full", rootCertificate: root, trusting: trusted)
            }
            #expect(error.cause.contains(words), "\(error)")
            #expect(!error.description.contains(Self.password))
            #expect(try files == [])
        }
        server.stop()
        try FileManager.default.removeItem(at: folder)
    }
}
