import ClientKit
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Journal

@Suite struct ModuleLockTests {
    @Test func theSecondHolderIsToldWhoTheFirstIs() throws {
        let state = try Scratch().state()
        let id = try #require(RunID("20260101T000000Z-11-0abc"))
        var origin = Origin.current()
        origin.login = "alice"
        let first = try ModuleLock.acquire(module: "11", in: state)
        let early = #expect(throws: JournalError.self) {
            try ModuleLock.acquire(module: "11", in: state)
        }
        #expect(early?.cause.contains("(process \(getpid())), since ") == true)
        #expect(early?.holder?.run == nil)
        try first.assign(to: id, origin: origin)
        let error = #expect(throws: JournalError.self) {
            try ModuleLock.acquire(module: "11", in: state)
        }
        #expect(error?.kind == .busy)
        #expect(error?.holder?.run == id)
        #expect(error?.cause.contains("alice") == true)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.login == "alice")
        let other = try ModuleLock.acquire(module: "12", in: state)
        try first.release()
        #expect(try ModuleLock.holder(of: "11", in: state) == nil)
        let again = try ModuleLock.acquire(module: "11", in: state)
        try again.release()
        try other.release()
    }

    /// A process that holds the module until it is killed, and the child that it has then.
    private static func hold(_ state: StateDirectory) throws -> (holder: ChildProcess, child: Int32) {
        let output = Pipe()
        let holder = try ChildProcess(helper, ["hold", state.path], output: .file(output.fileHandleForWriting))
        try output.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return (holder, try #require(Int32(said.trimmingCharacters(in: .newlines).dropFirst("child ".count))))
    }

    @Test func aHolderThatIsKilledFreesTheModuleAtOnceThoughItsChildLivesOn() throws {
        let state = try Scratch().state()
        let (holder, child) = try Self.hold(state)
        let error = #expect(throws: JournalError.self) { try ModuleLock.acquire(module: "11", in: state) }
        #expect(error?.holder?.who.pid == holder.pid)
        #expect(try ModuleLock.holder(of: "11", in: state)?.who.pid == holder.pid)
        holder.end(SIGKILL)
        #expect(kill(child, 0) == 0)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        try lock.release()
        kill(child, SIGKILL)
    }

    /// As `kill -9` and `runner resume` on one line: the kernel takes its time, and nobody asks for the process's status.
    @Test func aHolderThatIsBeingKilledIsWaitedFor() throws {
        for _ in 1...20 {
            let state = try Scratch().state()
            let (holder, child) = try Self.hold(state)
            holder.send(SIGKILL)
            defer {
                kill(child, SIGKILL)
                holder.waitHere()
            }
            do {
                try ModuleLock.acquire(module: "11", in: state).release()
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    @Test func theStepThatTheHolderIsAtIsTold() async throws {
        let state = try Scratch().state()
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: allSteps, runnerVersion: "1.0", inventoryPath: "/i.json",
                inventoryDigest: "00"),
            in: state, holding: lock, redactor: Redactor())
        func told() throws -> String {
            let error = #expect(throws: JournalError.self) { try ModuleLock.acquire(module: "11", in: state) }
            return error?.cause ?? ""
        }
        #expect(try told().hasSuffix(" holds it"))
        try await journal.beginStep(allSteps[1])
        // The log's end is in memory until something makes it durable.
        try await journal.recordCheck(of: allSteps[1], inPlace: false)
        #expect(try told().hasSuffix(" holds it, and is at step \(allSteps[1])"))
        try await journal.failStep(allSteps[1], error: "it broke")
        #expect(try told().hasSuffix(" holds it"))
        try lock.release()
    }

    /// What a process that was killed left in the file is not taken for the one that holds the lock.
    @Test func theHolderIsNotTheOneBefore() throws {
        let state = try Scratch().state()
        let (holder, child) = try Self.hold(state)
        defer { kill(child, SIGKILL) }
        holder.end(SIGKILL)
        let path = "\(state.path)/module-11.lock"
        let left = try contents(path)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let own = try contents(path)
        // As it is for a moment, between the lock and the first byte.
        try overwriteInPlace(path, left)
        let writer = Thread {
            usleep(200_000)
            do { try overwriteInPlace(path, own) } catch { Issue.record("\(error)") }
        }
        writer.start()
        let error = #expect(throws: JournalError.self) { try ModuleLock.acquire(module: "11", in: state) }
        #expect(error?.holder?.who.pid == getpid())
        try lock.release()
    }

    /// Runs of different modules do not exclude each other, and share one chain.
    @Test func runsThatBeginTogetherAreNamedAndChainedInOneOrder() async throws {
        let state = try Scratch().state()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for module in 11...18 {
                group.addTask {
                    let lock = try ModuleLock.acquire(module: "\(module)", in: state)
                    let journal = try await RunJournal.create(
                        RunDescription(
                            module: "\(module)", steps: allSteps, runnerVersion: "1.0",
                            inventoryPath: "/etc/inventory.json", inventoryDigest: "00"),
                        in: state, holding: lock, redactor: Redactor())
                    #expect(try ModuleLock.holder(of: "\(module)", in: state)?.run == journal.id)
                    try lock.release()
                }
            }
            try await group.waitForAll()
        }
        let runs = try state.runs()
        #expect(runs.count == 8)
        let predecessors = try runs.map { try $0.header().content?.previous?.run }
        #expect(predecessors == runs.dropFirst().map(\.id) + [nil])
        for run in runs { #expect(try AuditVerifier(state).verify(run).findings.isEmpty) }
    }

    /// As where the one that creates a run was stopped, or its disk hangs.
    @Test func aRunThatAnotherKeepsFromBeingCreatedSaysSo() async throws {
        let state = try Scratch().state()
        let other = open("\(state.path)/runs.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        try #require(other >= 0 && flock(other, LOCK_EX) == 0)
        let lock = try ModuleLock.acquire(module: "11", in: state)
        let description = RunDescription(
            module: "11", steps: allSteps, runnerVersion: "1.0", inventoryPath: "/etc/inventory.json",
            inventoryDigest: "00")
        let limit = TimeLimit(.milliseconds(200), key: "limits.lock")
        let error = await #expect(throws: JournalError.self) {
            _ = try await RunJournal.create(
                description, in: state, holding: lock, redactor: Redactor(), within: limit)
        }
        #expect(error?.kind == .busy)
        #expect(error?.cause == "another run is being created there, for longer than 0.2 s (limits.lock)")
        // Ctrl-C does not wait for the limit.
        let waiting = Task {
            try await RunJournal.create(
                description, in: state, holding: lock, redactor: Redactor(), within: .seconds(3600))
        }
        waiting.cancel()
        let cancelled = await #expect(throws: JournalError.self) { _ = try await waiting.value }
        #expect(cancelled?.cause.hasPrefix("it was cancelled") == true)
        #expect(try state.runs().isEmpty)
        // A child that was just forked still has it open.
        #expect(flock(other, LOCK_UN) == 0 && close(other) == 0)
        _ = try await RunJournal.create(description, in: state, holding: lock, redactor: Redactor(), within: limit)
        try lock.release()
    }
}

/// Another content for the same file, whose lock stays.
private func overwriteInPlace(_ path: String, _ bytes: [UInt8]) throws {
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.truncate(atOffset: 0)
    try file.write(contentsOf: bytes)
    try file.close()
}
