import ClientKit
import Foundation
import Testing

@testable import Journal

/// A run deletes nothing, whatever it finds in the state directory.
@Suite struct KeptEvidenceTests {
    @Test func aRunWhoseFilesWereRemovedIsSetAsideAndSaid() async throws {
        let rich = try await RichState()
        let run = rich.unfinished
        for name in ["run.json", "audit.jsonl"] {
            try FileManager.default.removeItem(atPath: "\(run.path)/\(name)")
        }
        let before = try RichState.files(of: run)
        #expect(try !AuditVerifier(rich.state).verifyAll().isIntact)
        let next = try await newRun(in: rich.state)
        try await next.finish(.refused, exitCode: 69)
        let aside = "\(run.path).set-aside-1"
        #expect(try RunTree(aside).files.sorted() == before)
        #expect(next.warnings.count == 1 && next.warnings[0].contains("\(run.id).set-aside-1"))
        let record = try #require(try next.reader.entries().first { $0.kind == .setAside })
        guard case .setAside(let directory) = record.content else { return }
        #expect(directory.result == .damaged && directory.name == "\(run.id).set-aside-1")
        let report = try AuditVerifier(rich.state).verifyAll()
        #expect(report.findings.map(\.file) == ["runs/\(run.id)", "runs/\(run.id).set-aside-1"])
        // What was set aside cannot be edited or removed either.
        try FileManager.default.removeItem(atPath: "\(aside)/steps/\(allSteps[0]).log")
        #expect(try AuditVerifier(rich.state).verifyAll().findings.last?.problem.contains("it was edited") == true)
        try FileManager.default.removeItem(atPath: aside)
        #expect(try AuditVerifier(rich.state).verifyAll().findings.last?.problem.contains("it was removed") == true)
    }

    /// Within the list of digests a name of two lines looks like two files.
    @Test func evidenceThatWasSetAsideIsNotRemovedUnseen() async throws {
        let rich = try await RichState()
        let run = rich.unfinished
        for name in ["run.json", "audit.jsonl"] { try FileManager.default.removeItem(atPath: "\(run.path)/\(name)") }
        try await newRun(in: rich.state).finish(.refused, exitCode: 69)
        let aside = "\(run.path).set-aside-1"
        let before = try AuditVerifier(rich.state).verifyAll().findings
        let files = try RunTree(aside).files.sorted()
        let index = try #require(
            files.indices.dropLast().first { Disk.split(files[$0]).folder == Disk.split(files[$0 + 1]).folder })
        let (first, second) = (files[index], files[index + 1])
        let digest = try #require(try FileFacts(of: "\(aside)/\(second)")).sha256
        let (folder, name) = Disk.split(second)
        let both = "\(aside)/\(first)\n\(digest)  \(folder)"
        try FileManager.default.createDirectory(atPath: both, withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: "\(aside)/\(first)", toPath: "\(both)/\(name)")
        try FileManager.default.removeItem(atPath: "\(aside)/\(second)")
        let after = try AuditVerifier(rich.state).verifyAll().findings
        #expect(after.count == before.count && after.last?.problem.contains("it was edited") == true, "\(after)")
        // Nor is it somewhere else.
        try FileManager.default.moveItem(atPath: aside, toPath: "\(rich.state.path)/elsewhere")
        try FileManager.default.createSymbolicLink(atPath: aside, withDestinationPath: "\(rich.state.path)/elsewhere")
        let moved = try AuditVerifier(rich.state).verifyAll().findings
        #expect(moved.last?.problem.contains("it was removed") == true, "\(moved)")
    }

    /// What only has the name of a directory that is being made, a run did not make.
    @Test func aFolderCalledAsIfARunWereMakingItIsForeign() async throws {
        let rich = try await RichState()
        let name = ".20270101T000000Z-11-aaaa.new"
        let folder = "\(rich.state.path)/runs/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try overwrite("\(folder)/notes.txt", Array("mine".utf8))
        for _ in 0..<2 {
            let report = try AuditVerifier(rich.state).verifyAll()
            #expect(report.findings.map(\.file) == ["runs/\(name)"])
            try await newRun(in: rich.state).finish(.refused, exitCode: 69)
        }
    }

    @Test func aRunThatNeverBeganIsSetAsideAndStaysIntact() async throws {
        let rich = try await RichState()
        // What this version leaves, and what version 0.1.0 left.
        let ids = ["20270101T000000Z-11-aaaa", "20270102T000000Z-11-aaaa"].compactMap(RunID.init)
        for name in [".\(ids[0]).new/steps", "\(ids[1])/steps", "\(ids[1])/checkpoints"] {
            try FileManager.default.createDirectory(
                atPath: "\(rich.state.path)/runs/\(name)", withIntermediateDirectories: true)
        }
        let before = try AuditVerifier(rich.state).verifyAll()
        #expect(before.isIntact && before.notes.count == 2, "\(before)")
        let next = try await newRun(in: rich.state)
        #expect(next.warnings.count == 2)
        for id in ids {
            #expect(FileManager.default.fileExists(atPath: "\(rich.state.path)/runs/\(id).set-aside-1/steps"))
        }
        let after = try AuditVerifier(rich.state).verifyAll()
        #expect(after.isIntact && after.notes.count == 2, "\(after)")
        #expect(try next.reader.header().content?.previous?.run == rich.unfinished.id)
    }

    /// As where the disk is full twice: the run that renamed a directory was cut off before it told.
    @Test func aDirectoryThatWasSetAsideBeforeTheDiskWasFullIsToldOfByTheNextRun() async throws {
        let rich = try await RichState()
        let id = "20270101T000000Z-11-aaaa"
        let path = "\(rich.state.path)/runs/.\(id).new"
        try FileManager.default.createDirectory(
            atPath: "\(path)/steps", withIntermediateDirectories: true)
        try overwrite("\(path)/run.json", Array("{}".utf8))
        let asides = try rich.state.setAside(module: "11", among: rich.state.names())
        #expect(asides.map(\.name) == ["\(id).set-aside-1"])
        let before = try AuditVerifier(rich.state).verifyAll()
        #expect(before.isIntact && before.notes.count == 1, "\(before)")
        for warnings in [1, 0] {
            let next = try await newRun(in: rich.state)
            #expect(next.warnings.count == warnings)
            try await next.finish(.refused, exitCode: 69)
            let report = try AuditVerifier(rich.state).verifyAll()
            #expect(report.isIntact && report.notes.count == 1, "\(report)")
        }
    }

    /// There may be thousands of runs, and each new one looks.
    @Test func aNewRunLooksAtNoRunBeforeTheNewestWholeOneOfItsModule() throws {
        let runs = (100...999).map { "20260101T000\($0)Z-11-aaaa" }
        let others = [".\(runs[5]).new", "\(runs[5]).set-aside-1", "20260101T000999Z-12-aaaa", "notes"]
        var looks: [String] = []
        let found = try StateDirectory.unjudged((runs + others).sorted(), of: "11") { name in
            looks.append(name)
            return name <= runs[897]
        }
        #expect(looks.count == 3)
        #expect(looks.prefix(3) == [runs[899], runs[898], runs[897]])
        #expect(found == [others[0], others[1], runs[898], runs[899]])
    }

    /// Every log of the module was read before, and all of them by each new run.
    @Test func ofWhatWasSetAsideTheRunThatToldOfItIsAsked() async throws {
        let state = try Scratch().state()
        for number in 1...30 {
            if number == 10 { mkdir("\(state.path)/runs/20260101T000000Z-11-aaaa", 0o700) }
            try await newRun(in: state).finish(.refused, exitCode: 69)
        }
        let names = try state.names()
        var asides: [SetAsideDirectory]?
        let read = try bytesRead { asides = try state.setAside(module: "11", among: names) }
        #expect(asides == [])
        let logs = try state.runs().reduce(0) { try $0 + (FileFacts(of: "\($1.path)/audit.jsonl")?.bytes ?? 0) }
        #expect(read < logs / 2, "\(read) of \(logs) bytes")
    }

    @Test func theHeadsOfTheNewestRunAreFoundAtTheEndOfTheList() async throws {
        let state = try Scratch().state()
        let first = try await newRun(in: state)
        try await first.finish(.refused, exitCode: 69)
        let list = "\(state.path)/\(HeadList.name)"
        let lines = try contents(list)
        let more = (0..<10_000).map { "{\"another run\":\($0)}\n" }.joined()
        try overwrite(list, lines + Array(more.utf8))
        let last = try await newRun(in: state)
        try await last.finish(.refused, exitCode: 69)
        #expect(try HeadList.heads(of: first.id, in: state.path).map(\.sequence) == [1, 2])
        var heads: [AuditHead] = []
        let read = try bytesRead { heads = try HeadList.heads(of: last.id, in: state.path) }
        #expect(heads.map(\.sequence) == [1, 2])
        #expect(read <= 1 << 16, "\(read) of \(lines.count + more.utf8.count) bytes")
        // Also where a crash cut the last line off, and where there is no such run.
        try overwrite(list, try contents(list).dropLast(30))
        #expect(try HeadList.heads(of: last.id, in: state.path).map(\.sequence) == [1])
        let nobody = try #require(RunID("20260101T000000Z-11-aaaa"))
        #expect(try HeadList.heads(of: nobody, in: state.path) == [])
    }

    @Test func aForeignFolderIsLeftAloneAndNamed() async throws {
        let rich = try await RichState()
        let names = ["20270101T000000Z-11-aaaa", "backup", "20260101T000000Z-11-aaaa.set-aside-1"]
        for name in names {
            let path = "\(rich.state.path)/runs/\(name)"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try overwrite("\(path)/notes.txt", Array("mine".utf8))
        }
        try await newRun(in: rich.state).finish(.refused, exitCode: 69)
        for name in names {
            #expect(try contents("\(rich.state.path)/runs/\(name)/notes.txt") == Array("mine".utf8))
        }
        let found = try AuditVerifier(rich.state).verifyAll().findings.map(\.file)
        #expect(Set(found) == Set(names.map { "runs/\($0)" }))
    }

    @Test func nothingIsEverRenamedOverAnotherFile() throws {
        let scratch = try Scratch()
        let (one, other) = ("\(scratch.path)/one", "\(scratch.path)/other")
        try overwrite(one, [1])
        try overwrite(other, [2])
        let disk = Disk()
        #expect(throws: JournalError.self) { try disk.setAside(one, as: other) }
        #expect(throws: JournalError.self) { try disk.writeWhole([3], to: other) }
        #expect(throws: JournalError.self) { try disk.commit(disk.stage([4], for: other)) }
        #expect(try contents(one) == [1] && contents(other) == [2])
    }
}

/// How many bytes this thread has read from files while it did `work`.
private func bytesRead(_ work: () throws -> Void) throws -> Int {
    func count() throws -> Int {
        let text = try String(contentsOfFile: "/proc/thread-self/io", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("rchar: ") })
        return try #require(Int(line.dropFirst(7)))
    }
    // What looking takes itself.
    let (first, begin) = (try count(), try count())
    try work()
    return try count() - begin - (begin - first)
}
