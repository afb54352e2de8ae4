import Foundation
import StepKit
import Testing

@Suite struct RemedyTests {
    private struct Dig: NamedStep {
        static let id: StepID = "12_dig"
        let summary = "a hole"
        func check(_ site: SiteReader) async throws -> Finding { .inPlace }
        func apply(_ changes: [Change], to site: SiteWriter) async throws {}
        func verify(_ site: SiteReader) async throws {}
    }

    @Test(arguments: [
        (Remedy.run, "`runner run 12`"), (.run(from: Dig.self), "`runner run 12 --from 12_dig`"),
        (.runWithNewDatabase, "`runner run 12 --reset-database`"), (.resume, "`runner resume`"),
        (.runWithoutBackup, "`runner run 12 --no-backup`"), (.plan, "`runner plan 12`"),
        (.doctor, "`runner doctor 12`"), (.fix("call \("Ann")"), "call Ann"),
    ])
    func carriesTheNumberOfTheRunsModule(remedy: Remedy, text: String) {
        #expect(remedy.text(forModule: 12) == text)
    }

    @Test func whereARunCanBeResumedRunningAgainIsToResumeIt() {
        let remedy: Remedy = "start Redis, then \(.run), or \(.newRun)"
        #expect(
            remedy.text(forModule: 12, canResume: true)
                == "start Redis, then `runner resume`, or `runner run 12 --new`")
    }

    @Test func commandsStandInSentences() {
        let pod: String? = "web-1"
        let remedy: Remedy = "delete pod \(pod ?? "?"), " + "then \(.run(from: Dig.self)), or \(.resume)"
        #expect(
            remedy.text(forModule: 12)
                == "delete pod web-1, then `runner run 12 --from 12_dig`, or `runner resume`")
        #expect(Remedy.run.text(forModule: 12, quote: "") == "runner run 12")
    }

    /// A command with a module's number in it would be wrong for every other module.
    @Test func noSourceNamesAModulesNumberInACommand() throws {
        let package = URL(filePath: InventorySample.package)
        for folder in ["Sources", "steps"].map({ package.appending(path: $0) }) {
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
                .filter { $0.hasSuffix(".swift") }
            #expect(files.count > 10)
            for file in files {
                let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
                #expect(!text.contains(/\b(run|plan|doctor|steps) 11\b/), "\(file)")
            }
        }
    }
}
