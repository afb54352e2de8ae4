import ArgumentParser
import ClientKit
import Engine
import Journal
import Kubernetes
import StepKit

/// `runner unlock`.
struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Break the cluster's lock of a run whose process is gone; recorded.",
        discussion: """
            A run on this machine needs no unlocking as long as the machine has not been started again: `runner resume` takes \
            over its lock. After a restart, or where the run was in another container, the lock expires by itself.
            """)

    @Argument(help: "The run that holds the lock, as named by the refused run.") var run: String
    @OptionGroup var reasonOptions: ReasonOptions
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        guard let id = RunID(run) else {
            throw ValidationError("'\(run)' is not a run's id; the refused run names it")
        }
        try await reporting {
            let module = try Runner.modules.module(of: id)
            let inventory = try await inventoryOptions.load(for: module)
            await LiveProvider.learnSecrets(of: inventory, for: module, redactor: redactor)
            let state = try await stateOptions.prepared(Terminal(isQuiet: false))
            let name = String(module.number)
            let lock = try await runBlocking { try ModuleLock.acquire(module: name, in: state) }
            try failpoint("unlock.decide")
            let description = RunDescription(
                module: name, steps: [], runnerVersion: Runner.version,
                inventoryPath: inventory.path, inventoryDigest: inventory.digest,
                why: reasonOptions.why)
            let journal = try await RunJournal.create(
                description, in: state, holding: lock, redactor: redactor, within: inventory.limits.lock)
            await journal.sign(with: OperatorSigner(inventory, passphrase: Passphrase.ask))
            let holder: String
            do {
                try failpoint("unlock.begun")
                let provider = LiveProvider(
                    inventory: inventory, module: module, redactor: redactor,
                    passphrase: Passphrase.ask)
                holder = try await provider.withSite(observer: journal) { site in
                    try await breakLease(
                        ofModule: name, through: site.site(reporter: .silent).cluster, journal: journal)
                }
            } catch {
                try await journal.finish(
                    .refused, exitCode: (error as? any ExplainedError)?.kind.exitStatus ?? 1,
                    error: "\(error)")
                throw error
            }
            // A failure of this is told as it is: the lock is broken, and there is no second outcome.
            try failpoint("unlock.finish")
            try await journal.finish(.unlocked, exitCode: 0)
            try failpoint("unlock.release")
            try lock.release()
            // Last: an output that cannot be written to leaves nothing undone, and no wrong outcome.
            try StandardOutput.write("the lock of run \(run), held by \(holder), is broken")
        }
    }

    /// Breaks the lease if `run` holds it; returns who held it.
    private func breakLease(
        ofModule module: String, through cluster: ClusterWriter, journal: RunJournal
    ) async throws -> String {
        let attempt = "unlock module \(module)"
        guard let lease = try await cluster.reader.lease(ofModule: module), let holder = lease.holder
        else {
            throw StepFailure(
                attempt, cause: "nobody holds its lock", remedy: "continue with `runner resume`",
                kind: .badInput)
        }
        guard lease.runID == run else {
            throw StepFailure(
                attempt,
                cause: "\(holder) holds it with run \(lease.runID ?? "unknown"), not with \(run)",
                remedy: "make sure that its process is gone, then unlock that run", kind: .badInput)
        }
        let text = "the lock of run \(run), held by \(holder), is about to be broken"
        try await journal.record(.lockBroken(LeaseHolder(text, holder: holder, run: run)), durable: true)
        try failpoint("unlock.break")
        try await cluster.breakLease(lease, ofModule: module)
        try failpoint("unlock.broken")
        return holder
    }
}
