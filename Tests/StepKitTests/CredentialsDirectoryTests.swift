import ClientKit
import Foundation
import Testing

@testable import StepKit

@Suite struct CredentialsDirectoryTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "postgres.env",
            "POSTGRES_HOST=10.0.0.10\nPOSTGRES_PORT=5432\nPOSTGRES_SUPERUSER=kb_admin\nPOSTGRES_SUPERPASS='p$1'\n")
        try folder.write("redis.env", "REDIS_PASSWORD=r\n")
        try folder.write("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN=t\n")
    }

    private func load() throws(CredentialsError) -> Credentials {
        try CredentialsDirectory(path: folder.path).load()
    }

    private func failure() throws -> CredentialsError {
        try #require(throws: CredentialsError.self) { try load() }
    }

    @Test(arguments: ["/nonexistent/credentials", "/etc/passwd"])
    func aMissingFolderIsNamed(_ path: String) throws {
        let error = try #require(throws: CredentialsError.self) { try CredentialsDirectory(path: path).load() }
        #expect(error.problems.map(\.file) == [path])
        #expect(error.kind == .badInput)
    }

    @Test func everythingThatIsMissingIsReportedAtOnce() throws {
        try FileManager.default.removeItem(atPath: folder.path + "/redis.env")
        try folder.write("postgres.env", "POSTGRES_PORT=0\nPOSTGRES_SUPERPASS=\nPGPASSWORD=''\n")
        try folder.write("ghcr.env", "GHCR_TOKEN=t\n")
        try folder.write("minio.env", "MINIO_ACCESS_KEY=a\n")
        let lines = try failure().description.replacing(folder.path + "/", with: "").split(separator: "\n")
        #expect(
            lines.dropFirst().map { $0.prefix { $0 != "→" } } == [
                "  postgres.env: POSTGRES_SUPERUSER or POSTGRES_ADMIN_USER is missing or empty ",
                "  postgres.env: POSTGRES_SUPERPASS or POSTGRES_ADMIN_PASSWORD or POSTGRES_PASSWORD or PGPASSWORD "
                    + "is missing or empty ",
                "  postgres.env: POSTGRES_PORT is not a TCP port ",
                "  redis.env: is missing ",
                "  ghcr.env: GHCR_USERNAME is missing or empty ",
                "  minio.env: MINIO_SECRET_KEY is missing or empty ",
            ])
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o601, 0o644])
    func aFileOpenToOthersIsRefusedWithTheRemedy(_ mode: Int) throws {
        try folder.write("ghcr.env", "GHCR_USERNAME=keybuzz\nGHCR_TOKEN=t\n", mode: mode)
        let error = try failure()
        #expect(error.problems.map(\.remedy) == ["chmod 600 '\(folder.path)/ghcr.env'"])
    }

    @Test func aFolderInAFilesPlaceIsRefused() throws {
        try FileManager.default.removeItem(atPath: folder.path + "/redis.env")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/redis.env", withIntermediateDirectories: false)
        #expect(try failure().problems.map(\.message) == ["cannot be read: Is a directory"])
    }

    @Test func aSecretVariableTheStepsSetThemselvesIsRefused() throws {
        try folder.write("chatwoot-extra.env", "REDIS_SENTINEL_PASSWORD=y\n")
        #expect(try failure().problems.map(\.message).first?.hasPrefix("REDIS_SENTINEL_PASSWORD is a secret") == true)
        try folder.write("chatwoot-extra.env", "SMTP_PASSWORD=x\nREDIS_PASSWORD=y\n")
        #expect(try failure().problems.map(\.message).first?.hasPrefix("REDIS_PASSWORD is a secret") == true)
    }

    @Test func allFilesAreReadIntoTypedValues() throws {
        try folder.write("minio.env", "MINIO_ENDPOINT=http://10.0.0.134:9000\nMINIO_ACCESS_KEY=a\nMINIO_SECRET_KEY=s\n")
        try folder.write("chatwoot-extra.env", "SMTP_PASSWORD=x\n")
        try folder.write("redis.env", "REDIS_PASSWORD=r\nREDIS_SENTINEL_PASSWORD=rs\n")
        let credentials = try load()
        #expect(credentials.redis.sentinelPassword == Secret("rs"))
        #expect(credentials.allSecrets.contains(Secret("rs")))
        #expect(credentials.postgres.user == "kb_admin")
        #expect(credentials.postgres.password == Secret("p$1"))
        #expect(credentials.postgres.host == "10.0.0.10")
        #expect(credentials.postgres.port == 5432)
        #expect(credentials.redis.password == Secret("r"))
        #expect(credentials.registry.token == Secret("t"))
        #expect(credentials.objectStorage?.secretKey == Secret("s"))
        #expect(credentials.chatwoot == nil)
        #expect(credentials.chatwootExtra == ["SMTP_PASSWORD": Secret("x")])
    }

    @Test(arguments: [
        ["PGPASSWORD"], ["POSTGRES_PASSWORD", "PGPASSWORD"],
        ["POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"],
        ["POSTGRES_SUPERPASS", "POSTGRES_ADMIN_PASSWORD", "POSTGRES_PASSWORD", "PGPASSWORD"],
    ])
    func theFirstOfTheOlderNamesCounts(_ names: [String]) throws {
        let passwords = names.reversed().map { "\($0)=of-\($0)\n" }.joined()
        try folder.write("postgres.env", "POSTGRES_ADMIN_USER=old\n" + passwords)
        let postgres = try load().postgres
        #expect(postgres.user == "old")
        #expect(postgres.password == Secret("of-" + names[0]))
    }

    @Test func aBrokenChatwootFileStaysAsItIs() throws {
        try folder.write("chatwoot.env", "CHATWOOT_PASSWORD='keep\n")
        #expect(throws: CredentialsError.self) {
            try CredentialsDirectory(path: folder.path).write(
                .init(database: nil, user: nil, password: Secret("new"), secretKeyBase: nil))
        }
        #expect(try folder.read("chatwoot.env") == "CHATWOOT_PASSWORD='keep\n")
    }

    @Test func aValueThatWouldNotReadBackIsNotWritten() throws {
        #expect(throws: CredentialsError.self) {
            try CredentialsDirectory(path: folder.path).write(
                .init(database: nil, user: nil, password: Secret("two\nlines"), secretKeyBase: nil))
        }
        #expect(try folder.names() == ["ghcr.env", "postgres.env", "redis.env"])
    }

    @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
        // A folder in the way makes the rename fail after the temporary file was written.
        let target = folder.path + "/taken"
        try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
        #expect(throws: PrivateFile.Failure.self) { try PrivateFile.replace(target, with: [1]) }
        #expect(try folder.names() == ["ghcr.env", "postgres.env", "redis.env", "taken"])
    }

    @Test func whatIsWrittenIsPrivateAndReadsBack() throws {
        let directory = CredentialsDirectory(path: folder.path)
        let password = Secret("it's $HOME `x` \\ \"é\u{301}")
        let key = SecretGenerator.secretKeyBase()
        try directory.write(.init(database: "chatwoot", user: "chatwoot", password: password, secretKeyBase: key))
        #expect(try folder.mode("chatwoot.env") == 0o600)
        #expect(try folder.names() == ["chatwoot.env", "ghcr.env", "postgres.env", "redis.env"])
        let read = try #require(load().chatwoot)
        #expect(read.database == "chatwoot")
        #expect(read.user == "chatwoot")
        #expect(read.password == password)
        #expect(read.secretKeyBase == key)
    }

    @Test func otherKeysAndCommentsStayInTheirPlaces() throws {
        try folder.write("chatwoot.env", "# by hand\nexport CHATWOOT_PASSWORD=old # x\n\nMORE=\"a b\"\n")
        try CredentialsDirectory(path: folder.path).write(
            .init(database: "db", user: nil, password: Secret("new"), secretKeyBase: nil))
        #expect(
            try folder.read("chatwoot.env") == "# by hand\nCHATWOOT_PASSWORD='new'\n\nMORE=\"a b\"\nCHATWOOT_DB='db'\n")
    }

    @Test func generatedSecretsAreSafeEverywhereAndDifferent() {
        let passwords = (0..<50).map { _ in SecretGenerator.password() }
        #expect(Set(passwords).count == 50)
        for password in passwords {
            #expect(password.reveal().wholeMatch(of: /[A-Za-z][A-Za-z0-9]{39}/) != nil)
        }
        #expect(SecretGenerator.secretKeyBase().reveal().wholeMatch(of: /[0-9a-f]{128}/) != nil)
        #expect(SecretGenerator.secretKeyBase() != SecretGenerator.secretKeyBase())
    }
}
