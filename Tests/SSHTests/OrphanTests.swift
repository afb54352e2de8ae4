import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

/// Commands that go on on the host when the run that sent them is gone, and those that wait for them.
@Suite(.limitedParallelism) struct OrphanTests {
    /// An observer with a name that notes what its commands wait for, and may forbid them to go on waiting.
    private final class Waiter: ActivityObserver {
        struct Over: ExplainedError {
            let attempt = "hold the lease", host: String? = nil, cause = "it expired", remedy = "resume"
            let kind = FailureKind.busy
        }

        let inputDigester: (any InputDigester)? = nil
        let author: String?
        private let allowed: Int
        private let state = Locked((waits: [Obstruction](), ends: [ActivityOutcome.Status]()))
        var waits: [Obstruction] { state.withLock { $0.waits } }
        var ends: [ActivityOutcome.Status] { state.withLock { $0.ends } }

        init(_ author: String?, waitsAllowed: Int = .max) {
            self.author = author
            allowed = waitsAllowed
        }

        func willBegin(_ activity: Activity) async throws {}
        func willWait(_ activity: Activity, for obstruction: Obstruction) async throws {
            let count = state.withLock { state in
                state.waits.append(obstruction)
                return state.waits.count
            }
            if count > allowed { throw Over() }
        }
        func didReceive(_ bytes: ArraySlice<UInt8>, from stream: ClientKit.OutputStream, of activity: Activity) {}
        func didEnd(_ activity: Activity, _ outcome: ActivityOutcome) async throws {
            state.withLock { $0.ends.append(outcome.status) }
        }
    }

    private let author = "step 11_ct_02 of run 20261127T042253Z-11-ab12 of jane on install-01 (its process 7)"

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// Leaves a command running whose client is gone, until the file `go` is there; at its end it makes `done`.
    private func leaveOrphan(on server: TestServer, by author: String?) async throws {
        let connection = try await SSHConnection.open(to: server.destination(), observer: Waiter(author))
        let script = "touch $0.begun; until [ -e $0.go ] || [ ! -e $0.begun ]; do sleep 0.1; done; touch $0.done"
        let orphan = Task {
            try await connection.run(
                RemoteCommand(["sh", "-c", script, server.path("orphan")], for: "apply 2 objects", effect: .change))
        }
        try await eventually("the orphan runs") { exists(server.path("orphan.begun")) }
        await connection.close()
        await #expect(throws: SSHError.self) { try await orphan.value }
    }

    private func release(_ server: TestServer) {
        #expect(FileManager.default.createFile(atPath: server.path("orphan.go"), contents: nil))
    }

    private func change(_ server: TestServer) -> RemoteCommand {
        RemoteCommand(["sh", "-c", "[ -e $0.done ] && touch $0.next", server.path("orphan")], effect: .change)
    }

    /// A change that waits for an orphan, and the processes of the session that it was sent in.
    private func waitForOrphan(
        on server: TestServer
    ) async throws -> (waiting: Task<SSHError, any Error>, sessions: [pid_t]) {
        try await leaveOrphan(on: server, by: nil)
        let before = try server.sessions()
        let waiter = Waiter(nil)
        let second = try await SSHConnection.open(to: server.destination(), observer: waiter)
        let next = change(server)
        let waiting = Task { try await failure(of: next, on: second) }
        try await eventually("it waits") { !waiter.waits.isEmpty }
        return (waiting, try server.sessions().filter { !before.contains($0) })
    }

    @Test(arguments: ["", "input\n"])
    func whoWaitsIsToldAtOnceForWhatAndNeverOverlapsIt(_ input: String) async throws {
        let server = try await TestServer()
        try await leaveOrphan(on: server, by: author)
        let waiter = Waiter("another run")
        let second = try await SSHConnection.open(to: server.destination(), observer: waiter)
        var next = change(server)
        next.standardInput = Array(input.utf8)
        async let waiting = second.run(next)
        try await eventually("it is told") { !waiter.waits.isEmpty }
        let told = waiter.waits[0]
        #expect(told.words.hasPrefix("apply 2 objects, \(author): sh -c touch $0.begun; "), "\(told.words)")
        #expect(told.words.contains(/\(process \d+, running for \d+ s\)$/), "\(told.words)")
        #expect(told.limit == .seconds(60))
        try await eventually("it is asked again") { waiter.waits.count > 2 }
        #expect(Set(waiter.waits.map(\.id)) == [told.id])
        #expect(!exists(server.path("orphan.next")))
        release(server)
        #expect(try await waiting.exitStatus == 0, "it began before the orphan had ended")
        #expect(waiter.ends == [.exited(0)])
    }

    @Test func atTheLimitTheErrorSaysHowToLookAtWhatStillRuns() async throws {
        let server = try await TestServer()
        try await leaveOrphan(on: server, by: author)
        let waiter = Waiter(nil)
        let second = try await SSHConnection.open(
            to: server.destination { $0.limits.lock = TimeLimit(.seconds(3), key: "limits.lock") }, observer: waiter)
        let began = ContinuousClock.now
        let error = try await failure(of: change(server), on: second)
        #expect(.now - began > .seconds(2))
        #expect(error.kind == .busy)
        for words in [author, "also after 3 s (limits.lock)"] { #expect(error.cause.contains(words), "\(error)") }
        #expect(error.remedy.contains(/on master-01 with `ps -o pid,ppid,stat,etime,args -p \d+`/), "\(error)")
        #expect(error.remedy.contains("raise limits.lock"), "\(error)")
        #expect(waiter.ends == [.refused(code: "lock busy")])
        release(server)
        #expect(try await second.run(change(server)).exitStatus == 0)
    }

    /// A run whose Lease is over, or that was stopped meanwhile.
    @Test func whoMayWaitNoLongerChangesNothing() async throws {
        let server = try await TestServer()
        try await leaveOrphan(on: server, by: nil)
        let waiter = Waiter(nil, waitsAllowed: 1)
        let second = try await SSHConnection.open(to: server.destination(), observer: waiter)
        let error = try await failure(of: change(server), on: second)
        #expect(error.cause.contains("it expired"))
        #expect(waiter.ends == [.refused(code: "lock busy")])
        release(server)
        try await eventually("the orphan ends") { exists(server.path("orphan.done")) }
        #expect(try await second.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        #expect(!exists(server.path("orphan.next")))
    }

    @Test func aCancelledWaitChangesNothingAndIsNotUnknown() async throws {
        let server = try await TestServer()
        try await leaveOrphan(on: server, by: nil)
        let waiter = Waiter(nil)
        let second = try await SSHConnection.open(to: server.destination(), observer: waiter)
        let waiting = Task { try await second.run(change(server)) }
        try await eventually("it waits") { !waiter.waits.isEmpty }
        waiting.cancel()
        let error = await #expect(throws: SSHError.self) { try await waiting.value }
        #expect(error?.kind != .unknownOutcome)
        #expect(waiter.ends == [.refused(code: "lock busy")])
        release(server)
        #expect(try await second.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
        #expect(!exists(server.path("orphan.next")))
    }

    /// Two orphans: of one that waits for the other when its run is killed nothing is ever begun.
    @Test(arguments: 1...4) func whatWaitedWhenItsRunWasKilledIsNeverBegun(_ round: Int) async throws {
        let server = try await TestServer()
        let (waiting, sessions) = try await waitForOrphan(on: server)
        // At another moment of its waiting each time.
        try await Task.sleep(for: .milliseconds(220 * round))
        for session in sessions { kill(session, SIGKILL) }
        release(server)
        _ = try await waiting.value
        let third = try await server.connect()
        let ended = RemoteCommand(["test", "-e", server.path("orphan.done")], effect: .change)
        #expect(try await third.run(ended).exitStatus == 0)
        // Longer than the host waits for its lock.
        try await Task.sleep(for: .seconds(1.5))
        #expect(!exists(server.path("orphan.next")))
    }

    /// The process of a session that was killed is there until its parent asks for its status.
    @Test func whatWaitedIsNeverBegunThoughNobodyReapsItsSession() async throws {
        let server = try await TestServer()
        let (waiting, sessions) = try await waitForOrphan(on: server)
        kill(server.process.pid, SIGSTOP)
        for session in sessions { kill(session, SIGKILL) }
        release(server)
        _ = try await waiting.value
        // Longer than the host waits for its lock.
        try await Task.sleep(for: .seconds(2.5))
        kill(server.process.pid, SIGCONT)
        #expect(!exists(server.path("orphan.next")))
        let third = try await server.connect()
        #expect(try await third.run(RemoteCommand(["true"], effect: .change)).exitStatus == 0)
    }

    /// Somebody else's lock, which no process that the runner started holds.
    @Test func aHolderThatCannotBeSeenIsLookedForByHand() async throws {
        let server = try await TestServer()
        let lock = try server.write("garbage\u{0}\n", to: "lock")
        let holder = try ChildProcess("/usr/bin/flock", [lock, "sleep", "100"])
        defer { holder.end() }
        try await eventually("it is held") { try isHeld(lock) }
        let waiter = Waiter(nil)
        let connection = try await SSHConnection.open(
            to: server.destination { $0.limits.lock = .seconds(2) }, observer: waiter)
        let error = try await failure(of: RemoteCommand(["true"], effect: .change), on: connection)
        #expect(error.kind == .busy)
        #expect(error.remedy.contains("`fuser -v \(lock)`"), "\(error)")
        #expect(waiter.waits.first?.words == "a process that cannot be seen")
    }

    /// What a holder says of itself is anybody's text.
    @Test func wordsOfAHolderAreShownOnOneLineAndEscaped() async throws {
        let server = try await TestServer()
        try await leaveOrphan(on: server, by: "run\u{1b}[31m x (process 1)\u{202e}")
        let waiter = Waiter(nil)
        let second = try await SSHConnection.open(
            to: server.destination { $0.limits.lock = .seconds(1) }, observer: waiter)
        let error = try await failure(of: change(server), on: second)
        #expect(error.description.visible == error.description, "\(error)")
        #expect(error.cause.contains("\\u{1b}"), "\(error)")
        #expect(!error.remedy.contains("-p 1`"), "\(error)")
    }

    private func isHeld(_ path: String) throws -> Bool {
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }
}
