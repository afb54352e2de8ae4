import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal
@testable import RunnerCommands

/// What somebody does to an exported run, or to where it is verified, so that verify.sh accepts it.
@Suite(.timeLimit(.minutes(20))) struct ExportAttackTests {
    private let first = "steps/fix_ufw_k8s_nodes.log"
    private let second = "steps/11_ct_00_setup_credentials.log"

    /// A shell leaves zeros out where it reads: the digest would be that of what was there before.
    @Test(arguments: Exported.shells) func aZeroByteInALineIsAnEdit(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        try exported.edit("audit.jsonl") { log in
            let start = try #require(log.indices.dropFirst(5).first { log[$0 - 5..<$0].elementsEqual("time\"".utf8) })
            log.insert(contentsOf: [0, 0], at: start + 4)
        }
        for allowed in [nil, signed.allowed] {
            let answer = try await exported.verify(allowed: allowed)
            #expect(answer.status == 1 && answer.output.contains("run/audit.jsonl, line 1: it was edited"), "\(answer)")
        }
    }

    /// Between the paths that lines announce such a name looks like two of them.
    @Test(arguments: Exported.shells) func aNameOfTwoLinesIsForeign(shell: [String]) async throws {
        let exported = try await Exported(SignedRun(), shell: shell)
        let folder = exported.file("run.json\nrun")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try Data("evil".utf8).write(to: URL(filePath: "\(folder)/audit.jsonl"))
        let answer = try await exported.verify()
        #expect(answer.status == 1 && answer.output.contains("run/run.json?run: it is foreign"), "\(answer)")
    }

    @Test(arguments: Exported.shells) func aFolderThatNoRunCreatesIsForeign(shell: [String]) async throws {
        let exported = try await Exported(SignedRun(), shell: shell)
        let folder = exported.file("approved")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let answer = try await exported.verify()
        #expect(answer.status == 1 && answer.output.contains("run/approved: it is foreign"), "\(answer)")
    }

    /// A run whose second step was cut off within its second command.
    private func cutOffRun(in signed: SignedRun, output: String = "applied é") async throws -> RunReader {
        let lock = try ModuleLock.acquire(module: "11", in: signed.state)
        let journal = try await RunJournal.create(
            RunDescription(
                module: "11", steps: signed.steps, runnerVersion: "1.0", inventoryPath: "/i.json", inventoryDigest: "00"
            ), in: signed.state, holding: lock, redactor: Redactor())
        for step in signed.steps.prefix(2) {
            try await journal.beginStep(step)
            for number in 1...2 {
                let activity = Activity(
                    channel: .ssh, host: "k8s-master-01", for: "apply \(number)", command: ["kubectl", "apply"],
                    effect: .change)
                try await journal.willBegin(activity)
                journal.didReceive(Array("\(output) \(number)\n".utf8)[...], from: .stdout, of: activity)
                if step == signed.steps[1], number == 2 { break }
                try await journal.didEnd(activity, ActivityOutcome(status: .exited(0), duration: .milliseconds(9)))
            }
            if step == signed.steps[0] { try await journal.finishStep(step, .applied, changes: ["apply"]) }
        }
        try lock.release()
        return journal.reader
    }

    /// Only the end of a transcript may be more than what lines announce, or less where the power was cut.
    @Test(arguments: Exported.shells) func theBeginningsOfTranscriptsOfARunThatWasCutOffAreCompared(
        shell: [String]
    ) async throws {
        let signed = try await SignedRun()
        let run = try await cutOffRun(in: signed)
        let untouched = try await Exported(signed, run: run, shell: shell).verify()
        #expect(untouched.status == 0 && untouched.output.contains("\(second) has an end that no line covers"))
        let size = try #require(try Disk.read("\(run.path)/\(second)")).count
        let edits: [(name: String, says: String, change: (inout [UInt8]) -> Void)] = [
            (first, "it was edited or cut after line", { $0[30] ^= 1 }),
            (first, "it was edited or cut after line", { $0.removeLast(3) }),
            (first, "it was edited or cut after line", { $0.insert(0, at: 30) }),
            (second, "it was edited or cut after line", { $0[30] ^= 1 }),
            (second, "it was edited or cut after line", { $0.removeLast(size / 2) }),
            (second, "it was edited after line", { $0[size - 40] ^= 1 }),
        ]
        for (name, says, change) in edits {
            let exported = try await Exported(signed, run: run, shell: shell)
            try exported.edit(name, change)
            let answer = try await exported.verify()
            #expect(answer.status == 1 && answer.output.contains("run/\(name): \(says)"), "\(answer)")
        }
        for end in [[], [UInt8](repeating: 0, count: 40)] {
            let exported = try await Exported(signed, run: run, shell: shell)
            try exported.edit(second) { $0 = $0.dropLast(60) + end }
            let answer = try await exported.verify()
            #expect(answer.status == 0 && answer.output.contains("\(second) is shorter than announced"), "\(answer)")
        }
    }

    /// A command may print zeros, which a shell cannot read; such a run was accused of having been edited.
    @Test(arguments: Exported.shells) func zerosInATranscriptAreNoEdit(shell: [String]) async throws {
        let signed = try await SignedRun()
        let run = try await cutOffRun(in: signed, output: "a\u{0}b é")
        let untouched = try await Exported(signed, run: run, shell: shell).verify()
        #expect(untouched.status == 0 && untouched.output.contains("\(second) has an end that no line covers"))
        let exported = try await Exported(signed, run: run, shell: shell)
        try exported.edit(first) { $0[30] ^= 1 }
        let answer = try await exported.verify()
        #expect(answer.status == 1 && answer.output.contains("run/\(first): it was edited or cut"), "\(answer)")
    }

    /// Only files that are written whole have another name first.
    @Test(arguments: Exported.shells) func aTranscriptOfAnotherNameIsMissing(shell: [String]) async throws {
        let signed = try await SignedRun()
        let run = try await cutOffRun(in: signed)
        let exported = try await Exported(signed, run: run, shell: shell)
        try FileManager.default.moveItem(
            atPath: exported.file(first), toPath: exported.file("steps/.fix_ufw_k8s_nodes.log.5.tmp"))
        let answer = try await exported.verify()
        #expect(answer.status == 1 && answer.output.contains("run/\(first): it was removed"), "\(answer)")
    }

    /// `cd` would go where CDPATH has a folder of the same name.
    @Test(arguments: Exported.shells) func aFolderOfTheSameNameElsewhereIsNotVerified(shell: [String]) async throws {
        let signed = try await SignedRun()
        let (edited, whole) = (try await Exported(signed, shell: shell), try await Exported(signed, shell: shell))
        try edited.edit(first) { $0[30] ^= 1 }
        let (root, name) = Disk.split(edited.folder)
        let answer = try await edited.verify(
            [], as: "\(name)/verify.sh", in: root, environment: ["CDPATH": Disk.split(whole.folder).folder])
        #expect(answer.status == 1 && answer.output.contains("run/\(first): it was edited"), "\(answer)")
    }

    /// As `sh verify.sh "$SIGNERS"` gives one where the variable was not set.
    @Test(arguments: Exported.shells) func anEmptyNameOfAFileOfAllowedSignersIsRefused(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        #expect(try await exported.verify([""]).status == 2)
        #expect(try await exported.verify([signed.allowed, signed.allowed]).status == 2)
    }

    @Test(arguments: Exported.shells) func aKeyMayHaveSeveralLinesOfAllowedSigners(shell: [String]) async throws {
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: shell)
        let key = try signed.publicKey("operator").trimmingCharacters(in: .newlines)
        let files = [
            "operator-git namespaces=\"git\" \(key)\noperator \(key)\n",
            "# ours\r\noperator \(key)\r\nother \(key)\r\n",
            "\n \t\"operator,x y\" namespaces=\"git,keybuzz-runner\" \(key)", "!stranger,operator \(key)",
        ]
        for text in files {
            let file = "\(signed.path)/lines"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let answer = try await exported.verify(allowed: file)
            #expect(answer.status == 0 && answer.output.contains("signed by operator"), "\(text): \(answer)")
            let report = try await signed.verify(allowed: file)
            #expect(report.holds, "\(text): \(report)")
        }
    }

    /// Where jq is ended, or the disk takes no more of what it prints, fewer lines arrive.
    @Test(arguments: Exported.shells) func linesThatJqDidNotReadAreNotTakenForVerified(shell: [String]) async throws {
        let exported = try await Exported(SignedRun(), shell: shell)
        let program = "\(exported.tools)/jq"
        try FileManager.default.removeItem(atPath: program)
        let script = """
            #!/bin/sh
            case "$*" in *run/audit.jsonl) /usr/bin/jq "$@" | /usr/bin/head -n 5 ;; *) exec /usr/bin/jq "$@" ;; esac

            """
        try script.write(toFile: program, atomically: true, encoding: .utf8)
        #expect(chmod(program, 0o700) == 0)
        let answer = try await exported.verify()
        #expect(answer.status == 2 && answer.output.contains("jq did not read all of run/audit.jsonl"), "\(answer)")
    }

    /// What runner accepts, verify.sh accepts too, though files may not have got their names yet; where there is no line, it
    /// cannot tell.
    @Test func aRunThatWasKilledIsNotAccused() async throws {
        let signed = try await SignedRun()
        let places = ["record.append", "record.sync", "file.commit", "checkpoint.withdraw", "outcome.written"]
        var (unnamed, empty) = (0, 0)
        for (seed, place) in places.enumerated() {
            for number in [1, 2, 5] {
                let path = "\(signed.path)/\(place)-\(number)"
                // One that ends, so that another may go on with it or follow it.
                for point in ["", "\(place):\(number):kill"] {
                    _ = try await Program.journalCrash.run(
                        ["random", path, "\(seed)", "unsigned"], environment: ["RUNNER_FAILPOINT": point])
                }
                let state = try StateDirectory.existing(path)
                for run in try state.runs() {
                    let report = try AuditVerifier(state).verify(run)
                    #expect(report.isIntact)
                    let answer = try await Exported(signed, run: run, shell: Exported.shells[0]).verify()
                    #expect(answer.status == (report.lines == 0 ? 2 : 0), "\(place), \(number): \(answer.output)")
                    empty += report.lines == 0 ? 1 : 0
                    unnamed += answer.output.contains("has another name still") ? 1 : 0
                }
            }
        }
        #expect(unnamed > 0 && empty > 0, "\(unnamed), \(empty)")
    }
}
