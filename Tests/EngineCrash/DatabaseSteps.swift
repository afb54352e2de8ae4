import ClientKit
import EmptySite
import Foundation
import Glibc
import Postgres
import Redis
import SSH

@testable import StepKit
@testable import Steps

/// The steps that change a database with SQL, on a real server, up to the moment at which the process kills itself.
enum DatabaseSteps {
    static let password = "chatwoot-pw-0123456789"

    /// Does `step` as a run does it: `11_ct_00_setup_credentials`, or the part of `reset_database` that is SQL.
    ///
    /// The server gets the fencing number of the process with each change.
    static func perform(_ step: String, on inventory: Inventory, port: UInt16, number: Int, death: Death?) async throws
    {
        let services = DatabaseServices(port: port, observer: DyingObserver(death, number: number))
        let secrets = GeneratedSecrets([.databasePassword: Secret(password), .secretKeyBase: Secret("unused")])
        let site = try await site(on: inventory, services: services, secrets: secrets)
        // As before each step's first change.
        await site.reader.forgetPrefetch()
        switch step {
        case SetupCredentials.id.rawValue: try await SetupCredentials().makeReady(site, with: secrets)
        case ResetDatabase.id.rawValue:
            let state = try await DatabaseState.readOutside(site.reader)
            guard state.aside == nil, let database = state.server.database else { return }
            try await ResetDatabase().setAside(database, as: ResetDatabase.nameAside(site.reader), on: site)
        default: exit(64)
        }
    }

    private static func site(
        on inventory: Inventory, services: DatabaseServices, secrets: GeneratedSecrets
    ) async throws -> SiteWriter {
        let filed: [GeneratedSecret: Secret] = [
            .databasePassword: secrets.databasePassword, .secretKeyBase: secrets.secretKeyBase,
        ]
        let writer = EmptySite.writer(
            for: module11, inventory: inventory, reporter: .silent, services: services,
            generated: [GeneratedFile.chatwootName: filed])
        // They are known without asking the cluster.
        _ = try await writer.reader.generated.find(.chatwoot(inventory)) { nil }
        return writer.with(
            options: RunOptions(resetsDatabase: true).of(run: "20261124T120000Z-11-3f9a", isResumed: true))
    }
}

/// When the process kills itself: so long after the first of this change was sent, changes counted from 0; `nil` for
/// before that.
struct Death {
    let change: Int
    let delay: UInt32?
}

/// Says on standard output what is changed, and how long that takes.
private final class DyingObserver: ActivityObserver {
    let inputDigester: (any InputDigester)? = nil
    let fence: Fence?
    let clocks = PeerClocks()
    private let death: Death?
    private let count = Locked(0)
    private let sent = Locked<UInt64>(0)
    private let moment = DispatchSemaphore(value: 0)

    init(_ death: Death?, number: Int) {
        self.death = death
        fence = Fence(module: module11.number, number: number, began: .now, end: .now + .seconds(600))
        guard let death, let delay = death.delay else { return }
        // Started before, since to start a thread may take longer than the change.
        Thread.detachNewThread { [moment, sent] in
            moment.wait()
            let before = sent.withLock(\.self)
            while SentBytes.now() <= before {}
            usleep(delay)
            die()
        }
    }

    func willBegin(_ activity: Activity) async throws {
        guard activity.effect == .change else { return }
        say("begin \(activity.command[0])")
        let number = count.withLock { count in
            defer { count += 1 }
            return count
        }
        guard let death, death.change == number else { return }
        guard death.delay != nil else { return die() }
        sent.withLock { $0 = SentBytes.now() }
        moment.signal()
    }

    func didReceive(_ bytes: ArraySlice<UInt8>, from stream: ClientKit.OutputStream, of activity: Activity) {}

    func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {
        guard activity.effect == .change else { return }
        say("end \(Int(outcome.duration / .microseconds(1))) \(outcome.status)")
    }

    private func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(1, bytes, bytes.count)
    }
}

/// How many bytes this process has sent on its connections.
private enum SentBytes {
    /// Where the kernel's `tcp_info` has `tcpi_bytes_sent`, which glibc's does not name.
    private static let offset = 200

    static func now() -> UInt64 {
        var sum: UInt64 = 0
        for descriptor in Int32(3)..<64 {
            var facts = [UInt8](repeating: 0, count: 256)
            var length = socklen_t(facts.count)
            guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &facts, &length) == 0 else { continue }
            precondition(length >= offset + 8, "the kernel does not tell what was sent")
            sum += facts.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        }
        return sum
    }
}

private func die() {
    kill(getpid(), SIGKILL)
}

/// PostgreSQL as an administrator who is no superuser; nothing else.
private struct DatabaseServices: DataServices {
    let port: UInt16
    let observer: DyingObserver
    private let readers = KeyedCache<DatabaseLogin, PostgresReader> { await $0.connection.isAlive }
    private let writers = KeyedCache<DatabaseLogin, PostgresWriter> { await $0.connection.isAlive }

    init(port: UInt16, observer: DyingObserver) {
        self.port = port
        self.observer = observer
    }

    private func endpoint(_ login: DatabaseLogin) -> PostgresEndpoint {
        let (database, user, password) =
            switch login {
            case .admin(let database): (database, "runner_admin", Secret("admin-pw"))
            case .owner(let database, let password): (database.name, database.user, password)
            }
        return PostgresEndpoint(
            hosts: [.init("127.0.0.1", port: port)], database: database, user: user, password: password,
            connectTimeout: .seconds(10), statementTimeout: .seconds(30))
    }

    func postgresReader(_ login: DatabaseLogin) async throws -> PostgresReader {
        try await readers.value(for: login) {
            try await PostgresReader.connect(to: endpoint(login), observer: observer)
        }
    }

    func postgresWriter(_ login: DatabaseLogin) async throws -> PostgresWriter {
        try await writers.value(for: login) {
            try await PostgresWriter.connect(to: endpoint(login), observer: observer)
        }
    }

    func redisReader() async throws -> RedisReader { throw unused }
    func redisWriter() async throws -> RedisWriter { throw unused }
    func redisHostReader() async throws -> RedisReader { throw unused }
    func addressAnswers() async -> [ServiceAnswer] { [] }
    func shell(on host: Inventory.Host) async throws -> any RemoteShell { throw unused }

    private var unused: StepFailure { StepFailure("connect", cause: "no step does", remedy: "report this") }
}
