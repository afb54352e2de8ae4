import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner audit why`.
struct AuditWhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Show every change of an object over all runs: when, by whom, and in which step.",
        discussion: """
            Reads only the logs, oldest run first. A damaged log is read up to the damage, which \
            is reported; the exit status is then 65.
            """)

    @Argument(help: "The object, such as deployment/web, secret/support/web, database/support, or its name alone.")
    var object: String
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func validate() throws {
        if ObjectName(object) == nil { throw ValidationError("name an object, such as deployment/web") }
    }

    func run() async throws {
        guard let name = ObjectName(object) else { return }
        let isDamaged = try await reporting {
            let state = try await stateOptions.existing
            let format = formatOptions.format
            return try await runBlocking { try Self.print(name, in: state, as: format) }
        }
        if isDamaged { throw ExitCode(65) }
    }

    /// Prints all changes, and returns whether a log is damaged.
    private static func print(
        _ name: ObjectName, in state: StateDirectory, as format: FormatOptions.Format
    ) throws -> Bool {
        var runs = try state.runs()[...]
        let pruned = try state.tombstones()
        if !pruned.isEmpty {
            let words = pruned.count == 1 ? "run was pruned: its export tells" : "runs were pruned: their exports tell"
            Terminal.write("note: \(pruned.count) \(words) of more changes\n")
        }
        var history: ObjectHistory?
        var isDamaged = false
        var count = 0
        try EntryPrinter.print(as: format) {
            while true {
                do {
                    if let change = try history?.next() {
                        count += 1
                        return change
                    }
                    guard let run = runs.popLast() else { return nil }
                    history = try Self.history(of: name, in: run, state)
                } catch let error as JournalError where error.kind == .badInput {
                    Terminal.write("error: \(error)\n")
                    (isDamaged, history) = (true, nil)
                }
            }
        } line: {
            $0.lines
        } json: {
            try JSONOutput.string($0)
        }
        if count == 0, format == .text {
            let runs = isDamaged ? "no run whose log can be read" : "no run"
            try StandardOutput.write("\(runs) has changed \(name.description)")
        }
        return isDamaged
    }

    /// What `run` did to the object; nil where it is pruned meanwhile.
    private static func history(
        of name: ObjectName, in run: RunReader, _ state: StateDirectory
    ) throws -> ObjectHistory? {
        do {
            try run.requireLog(in: state)
            return try ObjectHistory(of: name, in: run, isGrowing: run.isUnderWay(in: state))
        } catch {
            guard try state.tombstone(of: run.id) != nil else { throw error }
            Terminal.write("note: run \(run.id) was pruned meanwhile: its export tells of more changes\n")
            return nil
        }
    }
}

extension ObjectChange {
    fileprivate var lines: TerminalText {
        let what: TerminalText = "\(time.formatted(.iso8601))  \(change.words.visibleOnOneLine)"
        let facts = [
            result.rawValue, who?.summary, step.map { "step \($0)" }, "record \(record) of run \(run)", ticket, reason,
            error,
        ]
        return what + "\n    \(facts.compactMap { $0?.visibleOnOneLine }.joined(separator: "; "))"
    }
}
