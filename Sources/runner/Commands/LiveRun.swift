import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
import StepKit
import Synchronization

/// What run and resume share: the inventory, the signals, the progress, and the exit status.
struct LiveRun {
    let module: Int
    let inventoryOptions: InventoryOptions
    let stateOptions: StateOptions
    let formatOptions: FormatOptions
    let work: @Sendable (ModuleRunner, StateDirectory) async throws -> RunSummary?

    init(
        module: Int, _ inventoryOptions: InventoryOptions, _ stateOptions: StateOptions, _ formatOptions: FormatOptions,
        work: @escaping @Sendable (ModuleRunner, StateDirectory) async throws -> RunSummary?
    ) {
        self.module = module
        self.inventoryOptions = inventoryOptions
        self.stateOptions = stateOptions
        self.formatOptions = formatOptions
        self.work = work
    }

    func run() async throws {
        let terminal = Terminal(isQuiet: formatOptions.format == .json)
        let lines = ProgressLines(terminal: terminal)
        let summary = try await reporting { () async throws -> RunSummary? in
            let module = try StepKit.Module.named(self.module)
            let inventory = try await inventoryOptions.load()
            let state = try await stateOptions.prepared(terminal)
            return try await cancellable(terminal) { signals in
                let runner = ModuleRunner(
                    module: module, inventory: inventory, redactor: redactor,
                    provider: LiveProvider(
                        inventory: inventory, module: String(module.number), redactor: redactor,
                        passphrase: Passphrase.ask),
                    version: Runner.version, interruptionStatus: signals,
                    events: { event in lines.show(event.redacted(by: redactor)) })
                return try await work(runner, state)
            } animation: {
                await lines.animate()
            }
        }
        guard let summary else {
            print("nothing to resume: no run of module \(module) is unfinished")
            return
        }
        try formatOptions.print(SummaryRecord(summary), text: { "" })
        if let failure = summary.failure { throw ExitCode(failure.exitStatus(interrupted: Interruption.status)) }
    }

    /// Runs `work` so that the first signal cancels it; beside it `animation`.
    private func cancellable(
        _ terminal: Terminal,
        _ work: @escaping @Sendable (@escaping @Sendable () -> Int32) async throws -> RunSummary?,
        animation: @escaping @Sendable () async -> Void
    ) async throws -> RunSummary? {
        let task = Task<RunSummary?, any Error> { try await work { Interruption.status } }
        let signals = Signals { number in
            Interruption.note(number)
            terminal.line("stopping in order; once more to stop at once")
            task.cancel()
        }
        let animating = Task { await animation() }
        defer {
            animating.cancel()
            withExtendedLifetime(signals) {}
        }
        return try await task.value
    }
}

/// Which signal interrupted the run, for its exit status.
private enum Interruption {
    private static let signal = Mutex<Int32>(SIGINT)

    static var status: Int32 { 128 + signal.withLock { $0 } }

    static func note(_ number: Int32) { signal.withLock { $0 = number } }
}

/// A run's result as `--format json` prints it.
private struct SummaryRecord: Encodable {
    let run: String
    let inPlace: Int
    let applied: Int
    let succeeded: Bool
    let notes: [String]
    let error: String?

    init(_ summary: RunSummary) {
        run = summary.runID
        inPlace = summary.inPlace
        applied = summary.applied
        succeeded = summary.failure == nil
        notes = summary.notes
        error = summary.failure?.message
    }
}
