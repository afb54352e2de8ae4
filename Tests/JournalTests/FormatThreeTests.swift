import ClientKit
import Foundation
import Testing

@testable import Journal

/// The written example of the present formats: logs of format 3, and tombstones and a list of exports of format 1.
///
/// It was written once, as `Pruned` and `RichState` do it, and stays as it is.
@Suite struct FormatThreeTests {
    @Test func itsRecordsAreReadByTheirKinds() throws {
        let state = try earlierState(format: 3)
        let report = try state.verdict()
        #expect(report.words == [] && report.runs.map(\.lines) == [11, 49, 10])
        let entries = try state.runs().reversed().flatMap { try $0.entries() }
        #expect(entries.allSatisfy { $0.version == 3 })
        #expect(entries.allSatisfy { if case .other = $0.content { false } else { true } })
        guard case .runStart(let opening) = try #require(entries.first).content else {
            Issue.record("the first record opens the run")
            return
        }
        #expect(opening.who.login == "alice" && opening.who.machine == "install-01")
        let endings = entries.compactMap { if case .runEnd(let ending) = $0.content { ending } else { nil } }
        #expect(endings.map(\.result) == [.succeeded, .failed, .succeeded])
        let change: RecordedChange = "create ConfigMap chatwoot-config"
        #expect(entries.compactMap(\.changes).allSatisfy { $0 == [change] })
    }

    @Test func itsRunGoesOnAndANewOneFollowsIt() async throws {
        let state = try earlierState(format: 3)
        let run = try #require(try state.newestUnfinishedRun(module: "11"))
        let reopened = try await RunJournal.reopen(run, in: state, redactor: Redactor())
        #expect(Array(reopened.finished.keys) == [allSteps[0]] && reopened.unknown.count == 1)
        try await reopened.journal.playStep(allSteps[1])
        try await reopened.journal.playStep(allSteps[2])
        try await reopened.journal.finish(.succeeded, exitCode: 0)
        _ = try await state.play()
        let report = try state.verdict()
        #expect(report.words == [] && report.isIntact && report.runs.count == 4)
    }

    @Test func itsTombstonesAreReadAndTheNextPruneGoesOn() async throws {
        let state = try earlierState(format: 3)
        let tombstones = try state.tombstones()
        #expect(tombstones.map(\.run.description) == ["20261128T031213Z-11-2f9d", "20261128T031216Z-11-b3a3"])
        #expect(tombstones.map(\.result) == [.succeeded, .failed] && tombstones.map(\.records) == [10, 10])
        #expect(tombstones.allSatisfy { $0.format == 1 && $0.who.login == "alice" && $0.export.head == $0.head })
        #expect(tombstones[1].previous?.run == tombstones[0].run)
        let list = try RetentionList(state)
        #expect(list.findings == [] && Set(list.notices.keys) == Set(tombstones.map(\.run)))
        #expect(try state.verdict().pruned.count == 2)
        let oldest = try #require(try state.runs().last)
        try state.export(oldest)
        #expect(try state.prune()[oldest.id] == "pruned")
        let report = try state.verdict()
        #expect(report.words == [] && report.pruned.count == 3)
    }
}
