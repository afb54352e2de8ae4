import Foundation
import TestSupport
import Testing

@testable import Journal

/// Runs the helper with each of its file calls hit in turn, counted over the whole process; after
/// each, all that was promised must hold, and the next run must end well without doing finished steps
/// again.
@Suite(.serialized, .timeLimit(.minutes(30))) struct CrashTests {
    /// What the process that is hit begins with.
    enum Start: String, CaseIterable {
        /// Those that there is time for.
        static let chosen = isThorough ? allCases : [.nothing]

        case nothing
        /// A run whose second step failed.
        case failedRun
        /// A run that was killed within a record of its second step.
        case killedRun
    }

    private static let calls = [
        "open", "write", "fdatasync", "fsync", "link", "unlink", "rename", "ftruncate", "mkdir", "fallocate",
    ]

    @Test(arguments: calls, [Fault.kill, .killed])
    func aRunKilledAtAnyCallKeepsWhatItPromisedAndGoesOn(call: String, fault: Fault) throws {
        for start in Start.chosen { try sweep(call, fault, from: start) }
    }

    @Test(arguments: calls + ["read", "readdir"], [Fault.inputOutputError, .noSpace, .readOnly])
    func aRunOfWhichAnyCallFailsKeepsWhatItPromisedAndGoesOn(call: String, fault: Fault) throws {
        // A disk that is full or read-only can be read.
        if fault != .inputOutputError, ["read", "readdir"].contains(call) { return }
        for start in Start.chosen {
            try sweep(call, fault, from: start) { finished, calls in
                let name = try #require(fault.errorName)
                #expect(finished.lines.contains { $0.hasPrefix("error ") && $0.contains(name) }, "\(finished.lines)")
                guard fault == .inputOutputError, call == "fsync" || call == "fdatasync" else { return }
                let failed = try #require(calls.firstIndex { $0.isHit })
                let file = calls[failed].file
                let later = calls[(failed + 1)...].filter { ["fsync", "fdatasync"].contains($0.name) }
                #expect(!later.contains { $0.file == file }, "a failed sync is tried again: \(file)")
            }
        }
    }

    /// Of each kind of call the first and the last.
    @Test(arguments: calls) func aCallThatTakesLongOnlyTakesLong(call: String) throws {
        let whole = try runHelper(on: "\(Scratch().path)/state").calls.filter { $0.name == call }
        let numbers = Set([1, whole.count]).sorted()
        for number in numbers {
            let state = "\(try Scratch().path)/state"
            let began = ContinuousClock.now
            let (finished, calls) = try runHelper(on: state, .slow, call: call, number: number)
            #expect(ContinuousClock.now - began >= .milliseconds(300))
            #expect(calls.filter(\.isHit).map(\.place) == [whole[number - 1].place])
            #expect(finished.status == 0 && Promises(finished.lines).isDone, "\(call) \(number): \(finished.lines)")
            try Promises(finished.lines).judge(StateDirectory.reading(state), "\(call) \(number)")
        }
        survived(Fault.slow.words, times: numbers.count, oracle: "the run ends well, and its record is intact")
    }

    @Test func aWriteOfWhichTheSystemTakesAPartIsGoneOnWith() throws {
        let whole = try runHelper(on: "\(Scratch().path)/state").calls.filter { $0.name == "write" }
        for number in 1...whole.count {
            let state = "\(try Scratch().path)/state"
            let (finished, calls) = try runHelper(on: state, .short, call: "write", number: number)
            #expect(finished.status == 0 && Promises(finished.lines).isDone, "write \(number)")
            #expect(calls.contains { $0.isHit }, "write \(number)")
            try Promises(finished.lines).judge(StateDirectory.reading(state), "write \(number)")
        }
        survived(Fault.short.words, times: whole.count, oracle: "the run ends well, and its record is intact")
    }

    /// A state directory, and what was promised of it.
    private func begin(from start: Start) throws -> (path: String, promised: Promises) {
        let path = "\(try Scratch().path)/state"
        if start == .nothing { return (path, Promises([])) }
        let whole = try runHelper(on: "\(Scratch().path)/state").calls.filter { $0.name == "write" }
        let inSecondStep = try #require(whole.last { $0.file == "/runs/RUN/steps/two.log" }).number
        let fault: Fault = start == .failedRun ? .noSpace : .torn
        // After the lines of the step's last command comes its record.
        let number = start == .failedRun ? inSecondStep : inSecondStep + 1
        let (finished, _) = try runHelper(on: path, fault, call: "write", number: number)
        let promised = Promises(finished.lines)
        #expect(promised.steps == ["one"] && finished.wasKilled == (start == .killedRun), "\(finished.lines)")
        return (path, promised)
    }

    private func sweep(
        _ call: String, _ fault: Fault, from start: Start,
        check: (Finished, [FileCall]) throws -> Void = { _, _ in }
    ) throws {
        let origin = try begin(from: start)
        func copy() throws -> String {
            let path = "\(try Scratch().path)/state"
            if start != .nothing { try FileManager.default.copyItem(atPath: origin.path, toPath: path) }
            return path
        }
        let undisturbed = try runHelper(on: copy())
        #expect(Promises(undisturbed.finished.lines).isDone)
        let all = undisturbed.calls.filter { $0.name == call }
        #expect(all.indices.map { $0 + 1 } == all.map(\.number), "\(call) is counted over the whole process")
        var hit: [String] = []
        for number in all.map(\.number) {
            let state = try copy()
            let place = "from \(start.rawValue), \(call) \(number) \(all[number - 1].file)"
            let (first, calls) = try runHelper(on: state, fault, call: call, number: number)
            let promised = Promises(first.lines)
            hit += calls.filter(\.isHit).map(\.place)
            if fault == .kill || fault == .killed {
                #expect(first.wasKilled, "\(place)")
            } else if first.status == 1 {
                try check(first, calls)
            } else {
                #expect(first.status == 0, "\(place): \(first.lines)")
            }
            #expect(Set(promised.steps).isDisjoint(with: origin.promised.steps), "\(place)")
            let both = origin.promised.and(promised)
            try both.judge(StateDirectory.reading(state), place, mayBeCut: start == .killedRun)
            try both.goOn(in: state, place)
        }
        // Every call of an undisturbed run was hit, and each of them once.
        #expect(hit == all.map(\.place))
        survived(
            fault.words, times: all.count,
            oracle: "what was promised is there, finished steps are not repeated, the record is intact")
    }
}
