import ClientKit
import Foundation
import SSH
import TestSupport
import Testing

@testable import StepKit

@Suite struct BackupHostTests {
    private static func source(
        password: String = "Pw", tables: [String] = ["users"], bytes: Int = 1 << 20, version: String = "15.4 (Debian)"
    ) -> DumpSource {
        DumpSource(
            database: "chatwoot", user: "chatwoot", password: Secret(password),
            tables: tables.map { DumpSource.Table(name: $0) }, bytes: bytes,
            serverVersion: version)
    }

    private static func host(_ shell: LocalShell, directory: String) throws -> BackupHostReader {
        BackupHostReader(
            name: "backup-01", directory: directory, server: try InventorySample.parse(InventorySample.lab).postgres,
            shell: shell)
    }

    @Test func neverTakesANameThatIsTaken() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "backups-\(UUID().uuidString)")
        let host = try Self.host(LocalShell(), directory: folder.path)
        for name in ["it-s-ours--1.dump", "it-s-ours--1-2.dump", "it-s-ours--1-3.dump"] {
            let file = try await host.place(for: Self.source(), title: "it's ours/-1")
            #expect(file.path == "\(folder.path)/\(name)")
            #expect(file.description == "backup-01:\(file.path)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: file.path))
        }
        try FileManager.default.removeItem(at: folder)
    }

    @Test func anOlderPgDumpAndTooLittleSpaceAreNamedBeforeAnythingIsDone() async throws {
        let shell = LocalShell()
        let host = try Self.host(shell, directory: "/var/tmp/nothing/here")
        let old = try await #require(throws: StepFailure.self) {
            try await host.place(for: Self.source(version: "99.1"), title: "x")
        }
        #expect(old.cause.contains("the server PostgreSQL 99.1") && old.cause.contains("pg_dump there is 1"))
        #expect(old.remedy.contains("postgresql-client-99"))
        let small = try await #require(throws: StepFailure.self) {
            try await host.place(for: Self.source(bytes: 1 << 50), title: "x")
        }
        #expect(small.cause.contains("the size of the database is 1073741824 MiB"))
        #expect(shell.commands.allSatisfy { $0.effect == .read })
    }

    @Test func aTableOfContentsThatLacksATableOrItsRowsIsNoticed() {
        let contents = """
            ; Archive created at 2026-11-24
            ;     dbname: chatwoot TABLE public audits chatwoot
            215; 1259 16400 TABLE public users chatwoot
            216; 1259 16410 TABLE public account_users chatwoot
            217; 1259 16420 TABLE public accounts chatwoot
            3456; 0 16400 TABLE DATA public users chatwoot
            3457; 0 16410 TABLE DATA public account_users chatwoot
            """
        let source = Self.source(tables: ["users", "account_users", "accounts", "audits"])
        #expect(source.tablesMissing(from: contents).map(\.description) == ["public.accounts", "public.audits"])
    }

    @Test func aPasswordThatAServiceFileWouldChangeIsRefused() throws {
        let file = try Self.source(password: #" '"\$`#;=é"#).serviceFile(tls: .prefer, connectingWithin: .seconds(10))
        #expect(String(decoding: file, as: UTF8.self).contains("\nconnect_timeout=10\n"))
        #expect(String(decoding: file, as: UTF8.self).contains("\npassword= '\"\\$`#;=é\n"))
        for password in ["s3cret ", "s3c\nret", "s3cret\t"] {
            let error = #expect(throws: StepFailure.self) {
                try Self.source(password: password).serviceFile(tls: .prefer, connectingWithin: .seconds(10))
            }
            #expect(error?.description.contains(password) == false)
        }
    }

    @Test func theRestoreCommandIsOneForAShell() throws {
        let server = try InventorySample.parse(InventorySample.lab).postgres
        let plain = DumpFile(host: "backup-01", path: "/var/backups/a.dump")
        #expect(
            plain.restoreCommand(into: "chatwoot", as: "chatwoot", on: server)
                == "pg_restore --host=10.0.0.10 --port=5432 --username=chatwoot --dbname=chatwoot --no-comments --no-owner "
                + "--no-acl --single-transaction /var/backups/a.dump")
        let odd = DumpFile(host: "backup-01", path: "/it's here/a.dump")
        #expect(odd.restoreCommand(into: "a b", as: "c", on: server).hasSuffix(" '/it'\\''s here/a.dump'"))
        #expect(odd.restoreCommand(into: "a b", as: "c", on: server).contains("'--dbname=a b'"))
    }
}
