import ClientKit
import DataServers
import Foundation
import Testing

@testable import StepKit
@testable import Steps

/// The credentials files of Chatwoot, which operators have: their names and variables never change.
@Suite struct ChatwootCredentialsTests {
    /// A folder with the platform's files and `files`.
    private static func folder(_ files: [String: String]) throws -> URL {
        let folder = try makeTemporaryDirectory()
        let platform = [
            "postgres.env": "POSTGRES_SUPERUSER=a\nPOSTGRES_SUPERPASS=b\n",
            "redis.env": "REDIS_PASSWORD=c\n", "ghcr.env": "GHCR_USERNAME=d\nGHCR_TOKEN=e\n",
        ]
        for (name, text) in platform.merging(files, uniquingKeysWith: { $1 }) {
            try WholeFile.replace(folder.appending(path: name).path, with: Array(text.utf8))
        }
        return folder
    }

    private static func load(_ folder: URL) throws -> Credentials {
        try CredentialsDirectory(path: folder.path).load(for: [.chatwoot(SiteSample.inventory())])
    }

    @Test func theGeneratedFileIsReadAndWrittenAsOperatorsHaveIt() throws {
        let text = """
            CHATWOOT_DB='chatwoot'
            CHATWOOT_USER='chatwoot'
            CHATWOOT_PASSWORD='one'
            SECRET_KEY_BASE='two'

            """
        let folder = try Self.folder(["chatwoot.env": text])
        defer { try? FileManager.default.removeItem(at: folder) }
        let read = try #require(try Self.load(folder).generated["chatwoot.env"])
        #expect(read == [.databasePassword: Secret("one"), .secretKeyBase: Secret("two")])
        let file = folder.appending(path: "chatwoot.env")
        try FileManager.default.removeItem(at: file)
        try CredentialsDirectory(path: folder.path).write(
            GeneratedSecrets(read), to: .chatwoot(SiteSample.inventory()))
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test(arguments: ["REDIS_SENTINEL_PASSWORD=y\n", "SMTP_PASSWORD=x\nREDIS_PASSWORD=y\n"])
    func aSecretVariableTheStepsSetThemselvesIsRefused(_ text: String) throws {
        let folder = try Self.folder(["chatwoot-extra.env": text])
        defer { try? FileManager.default.removeItem(at: folder) }
        let error = try #require(throws: CredentialsError.self) { try Self.load(folder) }
        #expect(error.problems.count == 1)
        #expect(error.cause.contains("_PASSWORD is a secret the steps take from the credentials files"))
        #expect(error.remedy.hasSuffix("_PASSWORD from \(folder.path)/chatwoot-extra.env"))
    }

    @Test func furtherVariablesAreSecrets() throws {
        let folder = try Self.folder(["chatwoot-extra.env": "SMTP_PASSWORD=x\n"])
        defer { try? FileManager.default.removeItem(at: folder) }
        let credentials = try Self.load(folder)
        #expect(credentials[.chatwootExtra] == ["SMTP_PASSWORD": Secret("x")])
        #expect(credentials.allSecrets.contains(Secret("x")))
    }
}
