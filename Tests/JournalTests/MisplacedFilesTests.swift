import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

/// Something else in the place of a file that a run wrote: what is read through it is not what lies there.
@Suite(.timeLimit(.minutes(30))) struct MisplacedFilesTests {
    enum Thing: CaseIterable {
        /// A link to the very same bytes, somewhere else.
        case link
        /// A link to itself.
        case loop
        /// A reader waits for ever where it opens it as a file.
        case fifo
        /// A reader of the whole gets more than any memory has.
        case endless
        case folder
    }

    private func put(_ thing: Thing, in path: String, elsewhere: String) throws {
        try FileManager.default.moveItem(atPath: path, toPath: elsewhere)
        switch thing {
        case .link: #expect(symlink(elsewhere, path) == 0)
        case .loop: #expect(symlink(path, path) == 0)
        case .fifo: #expect(mkfifo(path, 0o600) == 0)
        case .endless: #expect(symlink("/dev/zero", path) == 0)
        case .folder: #expect(mkdir(path, 0o700) == 0)
        }
    }

    private func putBack(_ path: String, from elsewhere: String) throws {
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: elsewhere, toPath: path)
    }

    @Test(arguments: Thing.allCases) func eachFileOfARunMustBeWhereItIs(_ thing: Thing) async throws {
        let rich = try await RichState()
        let elsewhere = "\(try Scratch().path)/elsewhere"
        let files = try RichState.files(of: rich.finished)
        for name in files {
            let path = "\(rich.finished.path)/\(name)"
            try put(thing, in: path, elsewhere: elsewhere)
            let report = try AuditVerifier(rich.state).verify(rich.finished)
            #expect(report.findings.contains { $0.file == name }, "\(thing) as \(name): \(report.findings)")
            // It hides nothing of the others.
            let all = try AuditVerifier(rich.state).verifyAll()
            #expect(all.runs.first { $0.run == rich.finished.id }?.findings == report.findings, "\(all)")
            let others = all.findings + all.runs.filter { $0.run != rich.finished.id }.flatMap(\.findings)
            #expect(others.allSatisfy { $0.problem.contains("the run before it") }, "\(thing) as \(name): \(others)")
            try putBack(path, from: elsewhere)
        }
        #expect(try AuditVerifier(rich.state).verify(rich.finished).isIntact)
        print("\(thing): found in the place of each of \(files.count) files")
    }

    @Test func theDirectoryOfARunMustBeWhereItIs() async throws {
        let rich = try await RichState()
        let elsewhere = "\(try Scratch().path)/elsewhere"
        try put(.link, in: rich.finished.path, elsewhere: elsewhere)
        let report = try AuditVerifier(rich.state).verify(rich.finished)
        #expect(report.findings.map(\.problem) == ["the run's directory is elsewhere: a symbolic link has its name"])
    }

    /// All runs are elsewhere then, and whoever owns that place changes them.
    @Test func theFolderOfAllRunsMustBeWhereItIs() async throws {
        let rich = try await RichState()
        let elsewhere = "\(try Scratch().path)/elsewhere"
        try put(.link, in: "\(rich.state.path)/runs", elsewhere: elsewhere)
        #expect(try AuditVerifier(rich.state).verifyAll().findings.map(\.file) == ["runs"])
        #expect(try AuditVerifier(rich.state).verify(rich.finished).findings.map(\.file) == ["runs"])
        let error = #expect(throws: JournalError.self) { try StateDirectory.prepare(rich.state.path) }
        #expect(error?.kind == .stateNotWritable && error?.path == "\(rich.state.path)/runs")
    }

    /// Of the runs, all that can be told is told.
    @Test(arguments: Thing.allCases) func eachFileBesideTheRunsMustBeWhereItIs(_ thing: Thing) async throws {
        let pruned = try await Pruned()
        let elsewhere = "\(try Scratch().path)/elsewhere"
        let folder = "tombstones/\(pruned.first).json"
        for name in ["heads.jsonl", "retention.jsonl", folder, "\(folder).sig", "tombstones"] {
            let path = "\(pruned.state.path)/\(name)"
            try put(thing, in: path, elsewhere: elsewhere)
            let report = try pruned.state.verdict()
            #expect(report.findings.contains { $0.file.hasPrefix(name) }, "\(thing) as \(name): \(report.words)")
            #expect(report.runs.count == 2)
            try putBack(path, from: elsewhere)
        }
        #expect(try pruned.state.verdict().words == [])
    }

    /// A file that is sparse has any size, and takes no space.
    @Test(arguments: ["run.json", "outcome.json", "checkpoints/\(allSteps[0]).json", "audit.jsonl"])
    func aFileThatIsLargerThanAnyMemoryIsNotRead(name: String) async throws {
        let rich = try await RichState()
        #expect(truncate("\(rich.finished.path)/\(name)", 1 << 40) == 0)
        let report = try AuditVerifier(rich.state).verify(rich.finished)
        #expect(report.findings.contains { $0.file == name }, "\(report.findings)")
    }
}
