import ClientKit
import Foundation
import TestSupport
import Testing

@testable import Journal

/// Damages bytes of each of a run's files and goes on with the run as `resume` does: it says what it found, or refuses, naming the
/// file; never does it take what is damaged for what was written.
@Suite(.timeLimit(.minutes(20))) struct DamagedResumeTests {
    enum Ending: String, CaseIterable {
        /// The second step failed, and that is the run's outcome.
        case failed
        /// The process ended in the midst of the second step's change.
        case cutOff
    }

    enum File: String, CaseIterable {
        case header = "run.json"
        case checkpoint = "checkpoints/fix_ufw_k8s_nodes.json"
        case outcome = "outcome.json"
        case log = "audit.jsonl"
    }

    private static let oracle =
        "`resume` says so and ends as an undisturbed run with an intact record, or it refuses and names the file"

    /// A run whose first step is finished.
    private static func state(_ ending: Ending) async throws -> StateDirectory {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.playStep(allSteps[0])
        try await journal.beginStep(allSteps[1])
        try await journal.recordCheck(of: allSteps[1], inPlace: false, changes: ["create ConfigMap chatwoot-config"])
        let command = activity(["kubectl", "apply", "-f", "-"], effect: .change)
        switch ending {
        case .failed:
            try await journal.play(command, errors: ["refused\n"], status: .exited(1))
            try await journal.failStep(allSteps[1], error: "kubectl exited with 1")
            try await journal.finish(.failed, exitCode: 1, error: "kubectl exited with 1", step: allSteps[1])
        case .cutOff: try await journal.willBegin(command)
        }
        return state
    }

    private static func path(of file: File, in state: StateDirectory) throws -> String {
        "\(try #require(try state.runs().first).path)/\(file.rawValue)"
    }

    @Test(arguments: Ending.allCases, File.allCases)
    func aBitTurnedOverIsNeverTrusted(_ ending: Ending, in file: File) async throws {
        if ending == .cutOff, file == .outcome { return }
        let original = try await Self.state(ending)
        let bytes = try contents(Self.path(of: file, in: original))
        var bench = Bench(original, file)
        var count = 0
        let places = Self.places(in: bytes, of: file)
        // Each bit; or one of every third byte, and each of them in turn.
        let first = Int.random(in: 0..<3)
        for offset in isThorough ? places : stride(from: first, to: places.count, by: 3).map({ places[$0] }) {
            for bit in isThorough ? Array(0..<8) : [offset / 3 % 8] {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8(bit)
                try await bench.resume(damaged, "\(file.rawValue), \(offset).\(bit)")
                count += 1
            }
        }
        print("\(ending), \(file.rawValue): \(bench.refused) of \(count) refused")
        survived("a bit of a run's file turned over, and then `resume`", times: count, oracle: Self.oracle)
    }

    @Test(arguments: Ending.allCases, File.allCases)
    func aFileThatIsCutOrDoubledIsNeverTrusted(_ ending: Ending, _ file: File) async throws {
        if ending == .cutOff, file == .outcome { return }
        let original = try await Self.state(ending)
        let bytes = try contents(Self.path(of: file, in: original))
        var damages = [bytes + bytes, bytes.dropLast(), Array(bytes.prefix(bytes.count / 2)), []]
        if file == .log {
            // The last record and one in the middle, doubled and left out.
            let newline = UInt8(ascii: "\n")
            let lines = bytes.split(separator: newline).map { $0 + [newline] }
            for index in [lines.count - 1, lines.count / 2] {
                damages.append(Array((lines[...index] + lines[index...]).joined()))
                // That the last record of a run that was cut off was ever there, nothing tells.
                if ending == .cutOff, index == lines.count - 1 { continue }
                damages.append(Array((lines[..<index] + lines[(index + 1)...]).joined()))
            }
        }
        var bench = Bench(original, file)
        for (number, damaged) in damages.enumerated() {
            try await bench.resume(Array(damaged), "\(ending), \(file.rawValue), damage \(number)")
        }
        print("\(ending), \(file.rawValue): \(bench.refused) of \(damages.count) refused")
        survived("a run's file cut, emptied or doubled, and then `resume`", times: damages.count, oracle: Self.oracle)
    }

    /// Of a log its middle record and the last one, with the line breaks behind them.
    private static func places(in bytes: [UInt8], of file: File) -> [Int] {
        guard file == .log else { return Array(bytes.indices) }
        let newline = UInt8(ascii: "\n")
        let ends = bytes.indices.filter { bytes[$0] == newline }
        return [ends.count / 2, ends.count - 1].flatMap { Array((ends[$0 - 1] + 1)...ends[$0]) }
    }
}

/// Copies of a state directory in which one file is damaged.
private struct Bench {
    private let original: StateDirectory
    private let file: DamagedResumeTests.File
    private var copy: StateDirectory?
    private(set) var refused = 0
    private var resumed = 0

    init(_ original: StateDirectory, _ file: DamagedResumeTests.File) {
        (self.original, self.file) = (original, file)
    }

    /// Puts `damaged` in the file's place, goes on with the run, and judges what becomes of it.
    mutating func resume(_ damaged: [UInt8], _ place: String) async throws {
        let state = try copy ?? original.copy(inMemory: true)
        copy = nil
        let run = try #require(try state.runs().first)
        let path = "\(run.path)/\(file.rawValue)"
        try overwrite(path, damaged)
        let before = try snapshot(state)
        let reopened: RunJournal.Reopened
        do {
            let unfinished = try #require(try state.newestUnfinishedRun(module: "11"), "\(place)")
            reopened = try await RunJournal.reopen(unfinished, in: state, redactor: Redactor())
        } catch let error as JournalError {
            #expect(error.path == path && !error.remedy.isEmpty, "\(place): \(error)")
            #expect(try snapshot(state) == before, "\(place): what is refused is left as it is")
            refused += 1
            // As it was, but for this file, which the next damage replaces.
            copy = state
            return
        }
        let isTold =
            reopened.journal.warnings.contains { $0.contains(file.rawValue) }
            || (file == .log && reopened.tornTail != nil)
            || (file == .checkpoint && reopened.damaged[allSteps[0]] != nil)
        #expect(isTold, "\(place): \(reopened.journal.warnings)")
        #expect(reopened.finished.keys.sorted() == (file == .checkpoint ? [] : [allSteps[0]]), "\(place)")
        resumed += 1
        // To the end with one in eight: that takes far longer than all else.
        guard resumed % 8 == 1 else { return }
        for step in allSteps where reopened.finished[step] == nil { try await reopened.journal.playStep(step) }
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        #expect(try run.outcome().content?.result == .succeeded, "\(place)")
        #expect(try run.checkpoints().values.count { $0.content != nil } == allSteps.count, "\(place)")
        #expect(try AuditVerifier(state).verifyAll().runs.flatMap(\.findings).map(\.description) == [], "\(place)")
    }

    private func snapshot(_ state: StateDirectory) throws -> [String: Data] {
        // The reserve is large, and says nothing.
        let files = try RunTree(state.path).files.filter { $0 != "reserve" }
        return try Dictionary(
            uniqueKeysWithValues: files.map { ($0, try Data(contentsOf: URL(filePath: "\(state.path)/\($0)"))) })
    }
}
