import ArgumentParser
import Engine
import Journal
import StepKit

/// Shows the progress and the result of `run` and `resume`.
struct RunConsole {
    let terminal: Terminal
    private let formatOptions: FormatOptions
    private let lines: ProgressLines

    init(_ formatOptions: FormatOptions) {
        self.formatOptions = formatOptions
        terminal = Terminal(isQuiet: formatOptions.format == .json)
        lines = ProgressLines(terminal: terminal)
    }

    /// A runner on the real platform, whose events are shown here.
    func runner(
        of module: StepKit.Module, on inventory: StepKit.Inventory, lockWait: Duration
    ) -> ModuleRunner {
        ModuleRunner(
            module: module, inventory: inventory, redactor: redactor,
            provider: LiveProvider(
                inventory: inventory, module: module, redactor: redactor,
                passphrase: Passphrase.ask),
            version: Runner.version, interruption: { Interruptions.first },
            events: { [lines] in lines.show($0) }, lockWait: lockWait,
            signer: OperatorSigner(inventory, passphrase: Passphrase.ask), syslog: Syslog())
    }

    /// Prints the result if JSON is requested, and exits with the documented status.
    func finish(with summary: RunSummary) throws {
        let printing = Result { try formatOptions.print(SummaryRecord(summary), text: { "" }) }
        // How the run ended is more important.
        if let failure = summary.failure {
            throw ExitCode(failure.exitStatus)
        }
        try printing.get()
    }
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
