import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
import Kubernetes
import SSH
import StepKit
import Steps

/// `runner unlock`.
struct UnlockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock",
        abstract: "Break the cluster's lock of a run whose process is gone; recorded.",
        discussion: "A run of this machine needs no unlocking: `runner resume` takes its lock over.")

    @Argument(help: "The run that holds the lock, as the refused run named it.") var run: String
    @OptionGroup var inventoryOptions: InventoryOptions
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        let module = module11
        try await reporting {
            let inventory = try await inventoryOptions.load()
            let terminal = Terminal(isQuiet: false)
            let state = try await stateOptions.prepared(terminal)
            let name = String(module.number)
            let (id, lock) = try await runBlocking {
                let id = try RunJournal.newID(module: name, in: state)
                return (id, try ModuleLock.acquire(module: name, in: state, run: id))
            }
            let description = RunDescription(
                module: name, steps: [], runnerVersion: Runner.version, inventoryPath: inventory.path,
                inventoryDigest: inventory.digest)
            let journal = try await RunJournal.create(id, description, in: state, redactor: redactor)
            do {
                let holder = try await breakLease(inventory, redactor, journal, module: name)
                try await journal.finish(.unlocked, exitCode: 0)
                print("the lock of run \(run), held by \(holder), is broken")
            } catch {
                try await journal.finish(
                    .refused, exitCode: (error as? any ExplainedError)?.kind.exitStatus ?? 1, error: "\(error)")
                throw error
            }
            try lock.release()
        }
    }

    private func breakLease(
        _ inventory: StepKit.Inventory, _ redactor: Redactor, _ journal: RunJournal, module: String
    ) async throws -> String {
        let provider = LiveProvider(
            inventory: inventory, module: module, redactor: redactor, passphrase: Passphrase.ask)
        let open = try await provider.open(observer: journal)
        do {
            let cluster = try await open.site(reporter: Reporter(progress: { _ in }, warning: { _ in })).cluster
            guard let lease = try await cluster.reader.lease(ofModule: module), let holder = lease.holder else {
                throw StepFailure(
                    "unlock module \(module)", cause: "nobody holds its lock", remedy: "go on: `runner resume`",
                    kind: .badInput)
            }
            guard lease.runID == run else {
                throw StepFailure(
                    "unlock module \(module)",
                    cause: "\(holder) holds it with run \(lease.runID ?? "unknown"), not with \(run)",
                    remedy: "make sure that its process is gone, then name that run", kind: .badInput)
            }
            try await journal.record(
                .lockBroken, text: "the lock of run \(run), held by \(holder), is about to be broken", durable: true)
            try await cluster.breakLease(ofModule: module, lease)
            await open.close()
            return holder
        } catch {
            await open.close()
            throw error
        }
    }
}
