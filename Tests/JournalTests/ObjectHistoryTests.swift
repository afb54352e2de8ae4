import ClientKit
import Foundation
import Testing

@testable import Journal

@Suite struct ObjectHistoryTests {
    private let web = RecordedChange("scale it", action: "change", object: "Deployment support/web")
    private let other = RecordedChange("touch it", action: "change", object: "Deployment support/web-2")

    private func history(_ name: String, of run: RunReader, isGrowing: Bool = false) throws -> [ObjectChange] {
        var history = try ObjectHistory(of: #require(ObjectName(name)), in: run, isGrowing: isGrowing)
        var all: [ObjectChange] = []
        while let change = try history.next() { all.append(change) }
        return all
    }

    @Test func whatBecameOfEachChangeIsTold() async throws {
        let state = try Scratch().state()
        let journal = try await newRun(in: state)
        try await journal.beginStep(allSteps[0])
        try await journal.recordCheck(of: allSteps[0], inPlace: false, changes: [web, other])
        try await journal.finishStep(allSteps[0], .applied, changes: [web, other])
        try await journal.beginStep(allSteps[1])
        try await journal.recordCheck(of: allSteps[1], inPlace: false, changes: [other, web])
        try await journal.failStep(allSteps[1], error: "it broke")
        try await journal.finish(.failed, exitCode: 1)
        let again = try await RunJournal.reopen(
            journal.reader, in: state, redactor: Redactor(), why: RunReason(ticket: "OPS-8")
        ).journal
        try await again.beginStep(allSteps[1])
        try await again.recordCheck(of: allSteps[1], inPlace: false, changes: [web])
        let third = try await RunJournal.reopen(journal.reader, in: state, redactor: Redactor()).journal
        try await third.beginStep(allSteps[1])
        try await third.recordCheck(of: allSteps[1], inPlace: true)
        try await third.beginStep(allSteps[2])
        try await third.recordCheck(of: allSteps[2], inPlace: false, changes: [web])
        let found = try history("deployment/web", of: journal.reader)
        #expect(found.map(\.result) == [.applied, .failed, .cutOff, .cutOff])
        #expect(found.map(\.ticket) == [nil, nil, "OPS-8", nil] && found[1].error == "it broke")
        #expect(found.map(\.step) == [allSteps[0], allSteps[1], allSteps[1], allSteps[2]])
        #expect(found.allSatisfy { $0.change == web && $0.who != nil })
        #expect(try history("deployment/web", of: journal.reader, isGrowing: true).last?.result == .underWay)
        // What is known before the damage is told first.
        let log = "\(journal.path)/audit.jsonl"
        try overwrite(log, contents(log) + Array("{}\n".utf8))
        var broken = try ObjectHistory(of: #require(ObjectName("web")), in: journal.reader, isGrowing: false)
        for _ in 0..<4 { #expect(try broken.next() != nil) }
        // Whoever asks again is not told that there is no more.
        for _ in 0..<2 { #expect(throws: JournalError.self) { try broken.next() } }
    }

    @Test func changesOfEarlierFormatsAreFoundByTheirWords() throws {
        for format in [1, 2] {
            let runs = try earlierState(format: format).runs().filter { try $0.header().content != nil }
            for name in ["configmap/chatwoot-config", "cm/chatwoot-config", "chatwoot-config"] {
                #expect(try runs.flatMap { try history(name, of: $0) }.count >= 4, "\(name) of format \(format)")
            }
            #expect(try runs.flatMap { try history("secret/chatwoot-config", of: $0) }.isEmpty)
        }
    }

    @Test func anObjectIsNamedAsPeopleNameIt() throws {
        let changes: [(name: String, object: String, isMatch: Bool)] = [
            ("service/support/web", "Service support/web", true), ("svc/web", "Service support/web", true),
            ("service/other/web", "Service support/web", false), ("support/web", "Service support/web", true),
            ("service/we", "Service support/web", false), ("service/support", "Service support/web", false),
            ("database/support", "database \"support\"", true), ("role/support", "database \"support\"", false),
            ("k8s-worker-01", "k8s-worker-01", true), ("node/k8s-worker-01", "k8s-worker-01", false),
            ("redis/0", "Redis database 0", true), ("redis/1", "Redis database 0", false),
        ]
        for (name, object, isMatch) in changes {
            let change = RecordedChange("anything", object: object)
            #expect(try #require(ObjectName(name)).isChanged(by: change) == isMatch, "\(name) in \(object)")
        }
        let words: RecordedChange = "Deployment support/web: spec.replicas: 1 → 2"
        #expect(try #require(ObjectName("deployment/web")).isChanged(by: words))
        #expect(try !#require(ObjectName("secret/web")).isChanged(by: words))
        #expect(ObjectName(" / ") == nil)
    }
}
