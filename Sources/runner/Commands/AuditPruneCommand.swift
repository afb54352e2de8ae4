import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
import StepKit

/// `runner audit prune`.
struct AuditPruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Remove old runs that were exported, and leave a signed tombstone of each.",
        discussion: """
            Refused are runs that are unfinished, not intact, or not exported as they are, and those whose success settles \
            an earlier run that is still there; the newest run always stays. The tombstone keeps what `runner audit verify` \
            needs of the run, and is signed with the key that the inventory names. Exits with 1 where an old run was refused.
            """)

    @Option(
        name: .long, help: .init("Prune runs that ended longer ago than this many days: 400d.", valueName: "age"))
    var olderThan: Age
    @Flag(name: .long, help: "Only list what would be pruned.") var dryRun = false
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        let isComplete = try await reporting {
            let state = try await stateOptions.existing
            let signer = OperatorSigner(try await inventoryOptions.load(), passphrase: Passphrase.ask)
            let limit = Date().addingTimeInterval(-olderThan.seconds)
            let steps = Dictionary(uniqueKeysWithValues: Runner.modules.modules.map { ("\($0.number)", $0.stepNames) })
            var pruner = try await runBlocking { try Pruner(state, endedBefore: limit, steps: steps) }
            let modules = pruner.modules.sorted()
            let locks =
                dryRun
                ? [] : try await runBlocking { try modules.map { try ModuleLock.acquire(module: $0, in: state) } }
            try failpoint("prune.decide")
            // Where this throws, the process ends, and the kernel frees them.
            let isComplete = try await prune(&pruner, signer: signer)
            try await runBlocking { for lock in locks { try lock.release() } }
            return isComplete
        }
        guard isComplete else { throw ExitCode(1) }
    }

    /// Prunes what may be pruned; whether nothing that is old enough had to stay.
    private func prune(_ pruner: inout Pruner, signer: OperatorSigner) async throws -> Bool {
        var isComplete = true
        var count = 0
        if !dryRun {
            let earlier = pruner
            for run in try await runBlocking({ try earlier.finishEarlier() }) {
                try StandardOutput.write("removed the rest of \(run), which was pruned before")
            }
        }
        while true {
            let before = pruner
            let step = try await runBlocking {
                var pruner = before
                return (candidate: try pruner.next(), pruner: pruner)
            }
            pruner = step.pruner
            guard let candidate = step.candidate else { break }
            count += 1
            if let objection = candidate.objection {
                if !candidate.isNewest { isComplete = false }
                try StandardOutput.write("\("kept \(candidate.run.id): \(objection)".visibleOnOneLine)")
            } else if dryRun {
                try StandardOutput.write("would prune \(candidate.run.id)")
            } else {
                pruner = try await bury(candidate.run, with: pruner, signer: signer)
            }
        }
        if count == 0 { try StandardOutput.write("no run ended longer ago") }
        return isComplete
    }

    private func bury(
        _ run: RunReader, with pruner: Pruner, signer: OperatorSigner
    ) async throws -> Pruner {
        let prepared = try await runBlocking { try pruner.prepare(run) }
        let signature: HeadSignature
        do throws(SigningRefusal) {
            signature = try await signer.sign(prepared.statement)
        } catch {
            throw StepFailure(
                "sign the tombstone of run \(run.id)", cause: error.cause,
                remedy: "\(error.remedy); the run was not pruned", kind: .failed)
        }
        try failpoint("prune.signed")
        let after = try await runBlocking {
            var pruner = pruner
            try pruner.bury(prepared, signature: signature.text)
            return pruner
        }
        let tombstone = prepared.tombstone
        try StandardOutput.write(
            "pruned \(run.id): \(tombstone.records) records, \(tombstone.bytes) bytes, signed with \(signature.key)")
        return after
    }
}

/// How long ago, in days as an operator writes them: `400d`.
struct Age: ExpressibleByArgument, Sendable {
    let seconds: Double

    init?(argument: String) {
        guard argument.hasSuffix("d"), let days = Int(argument.dropLast()), (0...36_500).contains(days),
            argument.dropLast().allSatisfy({ ("0"..."9").contains($0) })
        else { return nil }
        seconds = Double(days) * 86_400
    }
}

extension Tombstone {
    /// `pruned 2028-01-01T00:00:00Z by alice as root on install-01`, and what it was.
    var summary: String {
        "pruned \(pruned.formatted(.iso8601)) by \(who.summary); \(records) records, head \(head); exported "
            + "\(export.time.formatted(.iso8601)) as sha256 \(export.sha256)"
    }
}
