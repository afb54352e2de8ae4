import ClientKit
import Foundation
import Synchronization
import Testing

@testable import StepKit

@Suite struct GeneratedSecretsTests {
    private static let password = Secret("FromCluster0123456789")
    private static let key = Secret(String(repeating: "c0", count: 64))
    private static let filedPassword = Secret("FromFile0123456789")
    private static let filedKey = Secret(String(repeating: "f1", count: 64))
    private static let filed: [GeneratedSecret: Secret] = [.deskPassword: filedPassword, .deskKey: filedKey]

    @Test func theClustersSecretComesBeforeTheFile() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(["POSTGRES_PASSWORD": Self.password, "SECRET_KEY_BASE": Self.key])
        #expect(found[.deskPassword] == Self.password)
        #expect(found[.deskKey] == Self.key)
        #expect(!found.fileIsCurrent)
        _ = try await bench.complete(found)
        #expect(try bench.reread()[.deskPassword] == Self.password)
        #expect(try bench.reread()[.deskKey] == Self.key)
    }

    @Test func theFileComesBeforeANewValue() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(nil)
        #expect(found[.deskPassword] == Self.filedPassword)
        #expect(found[.deskKey] == Self.filedKey)
        #expect(found.fileIsCurrent)
        let before = try bench.folder.read("desk.env")
        let secrets = try await bench.complete(found)
        #expect(secrets[.deskPassword] == Self.filedPassword)
        #expect(secrets[.deskKey] == Self.filedKey)
        #expect(try bench.folder.read("desk.env") == before)
    }

    @Test func eachOfTheTwoComesFromTheFirstPlaceThatHasIt() async throws {
        let bench = try Bench(file: Self.filed)
        let found = try await bench.find(["POSTGRES_PASSWORD": Self.password, "SECRET_KEY_BASE": Secret("")])
        #expect(found[.deskPassword] == Self.password)
        #expect(found[.deskKey] == Self.filedKey)
        #expect(!found.fileIsCurrent)
    }

    @Test func makesWhatIsMissingAndWritesItBeforeAnybodyHasIt() async throws {
        let bench = try Bench(file: nil)
        let found = try await bench.find([:])
        #expect(found.complete == nil)
        let secrets = try await bench.complete(found)
        #expect(try bench.folder.mode("desk.env") == 0o600)
        let file = try bench.reread()
        #expect(file[.deskPassword] == secrets[.deskPassword])
        #expect(file[.deskKey] == secrets[.deskKey])
        #expect(try bench.folder.read("desk.env").hasPrefix("DESK_DB='desk'\nDESK_PASSWORD='"))
        #expect(secrets[.deskKey].reveal().utf8.count == 128)
        #expect(secrets[.deskKey].reveal().allSatisfy { $0.isHexDigit })
        #expect(secrets[.deskPassword].reveal().first?.isLetter == true)
        #expect(secrets[.deskPassword].reveal().allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        #expect(try await bench.find(nil).complete?[.deskPassword] == secrets[.deskPassword])
        #expect(try await bench.find(nil).fileIsCurrent)
    }

    @Test func neverMakesAnother() async throws {
        let bench = try Bench(file: nil)
        let found = try await bench.find(nil)
        let all = try await withThrowingTaskGroup(of: GeneratedSecrets.self) { group in
            for _ in 1...8 { group.addTask { try await bench.complete(found) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all.map { $0[.deskPassword] }).count == 1)
        #expect(Set(all.map { $0[.deskKey] }).count == 1)
        #expect(try bench.reread()[.deskPassword] == all.first?[.deskPassword])
        // And the next process finds them.
        let next = try Bench(file: try bench.reread(), folder: bench.folder)
        #expect(try await next.find(nil).complete?[.deskPassword] == all.first?[.deskPassword])
    }

    /// As while this run waited for the module, and the other one died before the cluster had them.
    @Test func whatAnotherRunHasWrittenInTheMeantimeIsNotMadeAgain() async throws {
        let bench = try Bench(file: nil)
        let found = try await bench.find(nil)
        let other = try Bench(file: Self.filed, folder: bench.folder)
        _ = try await other.complete(try await other.find(["POSTGRES_PASSWORD": Self.password]))
        let secrets = try await bench.complete(found)
        #expect(secrets[.deskPassword] == Self.password)
        #expect(secrets[.deskKey] == Self.filedKey)
        #expect(bench.registered.contains(Self.filedKey))
    }

    @Test func asksTheClusterOnce() async throws {
        let bench = try Bench(file: nil)
        _ = try await bench.find(["POSTGRES_PASSWORD": Self.password])
        let found = try await bench.store.find(.desk) {
            Issue.record("it was asked again")
            return nil
        }
        #expect(found[.deskPassword] == Self.password)
    }

    @Test func aClusterThatDoesNotAnswerIsNotAnEmptyOne() async throws {
        let bench = try Bench(file: nil)
        await #expect(throws: StepFailure.self) {
            try await bench.store.find(.desk) {
                throw StepFailure("ask", cause: "no route", remedy: "none", kind: .unreachable)
            }
        }
        #expect(try await bench.find(["POSTGRES_PASSWORD": Self.password])[.deskPassword] == Self.password)
    }

    @Test func whatCannotBeWrittenIsNotHandedOut() async throws {
        let bench = try Bench(file: nil)
        let store = GeneratedSecretsStore(
            directory: CredentialsDirectory(path: "\(bench.folder.path)/none"), filed: [:]
        ) { _ in }
        let found = try await store.find(.desk) { nil }
        await #expect(throws: CredentialsError.self) {
            try await store.complete(found)
        }
    }

    @Test func registersEverySecretBeforeItIsSeenOrWritten() async throws {
        let bench = try Bench(file: Self.filed)
        #expect(Set(bench.registered) == [Self.filedPassword, Self.filedKey])
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
        #expect(Set(fresh.registered).isSuperset(of: [secrets[.deskPassword], secrets[.deskKey]]))
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

        init(file: [GeneratedSecret: Secret]?, folder: TemporaryFolder? = nil) throws {
            let (kept, seen) = (try folder ?? TemporaryFolder(), Seen())
            let directory = CredentialsDirectory(path: kept.path)
            if let file, folder == nil { try directory.write(GeneratedSecrets(file), to: .desk) }
            store = GeneratedSecretsStore(directory: directory, filed: ["desk.env": file ?? [:]]) { secret in
                do { try seen.hook.withLock { $0 }?(secret) } catch { Issue.record("\(error)") }
                seen.secrets.withLock { $0.append(secret) }
            }
            (self.folder, self.seen) = (kept, seen)
        }

        var registered: [Secret] { seen.secrets.withLock { $0 } }

        func onRegister(_ hook: @escaping @Sendable (Secret) throws -> Void) { seen.hook.withLock { $0 = hook } }

        func find(_ cluster: [String: Secret]?) async throws -> GeneratedSecretsStore.Found {
            try await store.find(.desk) { cluster }
        }

        func complete(_ found: GeneratedSecretsStore.Found) async throws -> GeneratedSecrets {
            try await store.complete(found)
        }

        /// What the next process reads.
        func reread() throws -> [GeneratedSecret: Secret] {
            for name in ["postgres.env", "redis.env", "ghcr.env"] where try !folder.names().contains(name) {
                try folder.write(
                    name,
                    "POSTGRES_SUPERUSER=a\nPOSTGRES_SUPERPASS=b\nREDIS_PASSWORD=c\nGHCR_USERNAME=d\nGHCR_TOKEN=e\n")
            }
            return try CredentialsDirectory(path: folder.path).load(for: [.desk]).generated["desk.env"] ?? [:]
        }
    }
}
