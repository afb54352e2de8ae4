import ClientKit
import Foundation
import Synchronization
import Testing

@testable import StepKit

@Suite struct GeneratedSecretsTests {
    private static let password = Secret("FromCluster0123456789")
    private static let key = Secret(String(repeating: "c0", count: 64))
    private static let filed = ChatwootCredentials(
        database: "chatwoot", user: "chatwoot", password: Secret("FromFile0123456789"),
        secretKeyBase: Secret(String(repeating: "f1", count: 64)))

    @Test func theClustersSecretComesBeforeTheFile() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(["POSTGRES_PASSWORD": Self.password, "SECRET_KEY_BASE": Self.key])
        #expect(found.databasePassword == Self.password)
        #expect(found.secretKeyBase == Self.key)
        #expect(!found.fileIsCurrent)
        _ = try await bench.complete(found)
        #expect(try bench.reread()?.password == Self.password)
        #expect(try bench.reread()?.secretKeyBase == Self.key)
    }

    @Test func theFileComesBeforeANewValue() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(nil)
        #expect(found.databasePassword == Self.filed.password)
        #expect(found.secretKeyBase == Self.filed.secretKeyBase)
        #expect(found.fileIsCurrent)
        let before = try bench.folder.read("chatwoot.env")
        let secrets = try await bench.complete(found)
        #expect(secrets.databasePassword == Self.filed.password)
        #expect(secrets.secretKeyBase == Self.filed.secretKeyBase)
        #expect(try bench.folder.read("chatwoot.env") == before)
    }

    @Test func eachOfTheTwoComesFromTheFirstPlaceThatHasIt() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(["POSTGRES_PASSWORD": Self.password, "SECRET_KEY_BASE": Secret("")])
        #expect(found.databasePassword == Self.password)
        #expect(found.secretKeyBase == Self.filed.secretKeyBase)
        #expect(!found.fileIsCurrent)
    }

    @Test func makesWhatIsMissingAndWritesItBeforeAnybodyHasIt() async throws {
        let bench = try Bench(file: nil)
        let found = try await bench.find([:])
        #expect(found.complete == nil)
        let secrets = try await bench.complete(found)
        #expect(try bench.folder.mode("chatwoot.env") == 0o600)
        let file = try #require(try bench.reread())
        #expect(file.password == secrets.databasePassword)
        #expect(file.secretKeyBase == secrets.secretKeyBase)
        #expect(file.database == "chatwoot_db")
        #expect(file.user == "chatwoot_user")
        #expect(secrets.secretKeyBase.reveal().utf8.count == 128)
        #expect(secrets.secretKeyBase.reveal().allSatisfy { $0.isHexDigit })
        #expect(secrets.databasePassword.reveal().first?.isLetter == true)
        #expect(secrets.databasePassword.reveal().allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(try await bench.find(nil).complete?.databasePassword == secrets.databasePassword)
        #expect(try await bench.find(nil).fileIsCurrent)
    }

    @Test func neverMakesAnother() async throws {
        let bench = try Bench(file: nil)
        let found = try await bench.find(nil)
        let all = try await withThrowingTaskGroup(of: GeneratedSecrets.self) { group in
            for _ in 1...8 { group.addTask { try await bench.complete(found) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all.map(\.databasePassword)).count == 1)
        #expect(Set(all.map(\.secretKeyBase)).count == 1)
        #expect(try bench.reread()?.password == all.first?.databasePassword)
        // And the next process finds them.
        let next = try Bench(file: try bench.reread(), folder: bench.folder)
        #expect(try await next.find(nil).complete?.databasePassword == all.first?.databasePassword)
    }

    @Test func asksTheClusterOnce() async throws {
        let bench = try Bench(file: nil)
        _ = try await bench.find(["POSTGRES_PASSWORD": Self.password])
        let found = try await bench.store.find {
            Issue.record("it was asked again")
            return nil
        }
        #expect(found.databasePassword == Self.password)
    }

    @Test func aClusterThatDoesNotAnswerIsNotAnEmptyOne() async throws {
        let bench = try Bench(file: nil)
        await #expect(throws: StepFailure.self) {
            try await bench.store.find {
                throw StepFailure("ask", cause: "no route", remedy: "none", kind: .unreachable)
            }
        }
        #expect(try await bench.find(["POSTGRES_PASSWORD": Self.password]).databasePassword == Self.password)
    }

    @Test func whatCannotBeWrittenIsNotHandedOut() async throws {
        let bench = try Bench(file: nil)
        let store = GeneratedSecretsStore(directory: CredentialsDirectory(path: "\(bench.folder.path)/none"), file: nil)
        { _ in }
        let found = try await store.find { nil }
        await #expect(throws: CredentialsError.self) {
            try await store.complete(found, for: Application.Database(name: "chatwoot", user: "chatwoot"))
        }
    }

    @Test func registersEverySecretBeforeItIsSeenOrWritten() async throws {
        let bench = try Bench(file: Self.filed)
        #expect(bench.registered == [Self.filed.password, Self.filed.secretKeyBase].compactMap { $0 })
        let other = Secret("another entry of the Secret")
        _ = try await bench.find(["POSTGRES_PASSWORD": Self.password, "REDIS_PASSWORD": other])
        #expect(Set(bench.registered).isSuperset(of: [Self.password, other]))

        let fresh = try Bench(file: nil)
        let path = fresh.folder.path
        fresh.onRegister { secret in
            // Nothing is in the file yet when the redactor learns it.
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            #expect(names.isEmpty, "\(secret) was written first")
        }
        let secrets = try await fresh.complete(try await fresh.find(nil))
        #expect(Set(fresh.registered).isSuperset(of: [secrets.databasePassword, secrets.secretKeyBase]))
    }

    /// A store over a folder of its own.
    private final class Bench: @unchecked Sendable {
        // The folder's methods only touch files, and the rest is constant.
        let folder: TemporaryFolder
        let store: GeneratedSecretsStore
        private let seen: Seen

        private final class Seen: Sendable {
            let secrets = Mutex<[Secret]>([])
            let hook = Mutex<(@Sendable (Secret) throws -> Void)?>(nil)
        }

        init(file: ChatwootCredentials?, folder: TemporaryFolder? = nil) throws {
            let (kept, seen) = (try folder ?? TemporaryFolder(), Seen())
            let directory = CredentialsDirectory(path: kept.path)
            if let file, folder == nil { try directory.write(file) }
            store = GeneratedSecretsStore(directory: directory, file: file) { secret in
                do { try seen.hook.withLock { $0 }?(secret) } catch { Issue.record("\(error)") }
                seen.secrets.withLock { $0.append(secret) }
            }
            (self.folder, self.seen) = (kept, seen)
        }

        var registered: [Secret] { seen.secrets.withLock { $0 } }

        func onRegister(_ hook: @escaping @Sendable (Secret) throws -> Void) { seen.hook.withLock { $0 = hook } }

        func find(_ cluster: [String: Secret]?) async throws -> GeneratedSecretsStore.Found {
            try await store.find { cluster }
        }

        func complete(_ found: GeneratedSecretsStore.Found) async throws -> GeneratedSecrets {
            try await store.complete(
                found, for: Application.Database(name: "chatwoot_db", user: "chatwoot_user"))
        }

        /// What the next process reads.
        func reread() throws -> ChatwootCredentials? {
            for name in ["postgres.env", "redis.env", "ghcr.env"] where try !folder.names().contains(name) {
                try folder.write(
                    name,
                    "POSTGRES_SUPERUSER=a\nPOSTGRES_SUPERPASS=b\nREDIS_PASSWORD=c\nGHCR_USERNAME=d\nGHCR_TOKEN=e\n")
            }
            return try CredentialsDirectory(path: folder.path).load().chatwoot
        }
    }
}
