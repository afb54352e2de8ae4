public import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
public import StepKit
import Steps

/// Where the inventory is: flag, then `RUNNER_INVENTORY`, then the working directory.
struct InventoryOptions: ParsableArguments {
    @Option(name: .long, help: "The inventory file (default: $RUNNER_INVENTORY, else ./inventory.json).")
    var inventory: String?

    var path: String {
        inventory ?? ProcessInfo.processInfo.environment["RUNNER_INVENTORY"] ?? "inventory.json"
    }

    func load() async throws -> StepKit.Inventory {
        let path = path
        return try await runBlocking { try StepKit.Inventory.load(path: path) }
    }
}

/// Where the state is: flag, then `RUNNER_STATE_DIR`, then the default of the user.
struct StateOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The state directory (default: $RUNNER_STATE_DIR, else /var/lib/keybuzz-runner for root, else XDG state)."
    )
    var stateDir: String?

    var path: String {
        StateDirectory.resolve(flag: stateDir, environment: ProcessInfo.processInfo.environment)
    }

    /// The directory for reading; nothing is created.
    var reading: StateDirectory { .reading(path) }

    /// The directory, created and proved writable.
    func prepared(_ terminal: Terminal) async throws -> StateDirectory {
        let path = path
        let state = try await runBlocking { try StateDirectory.prepare(path) }
        for warning in state.warnings { terminal.line("warning: \(warning)") }
        return state
    }

    /// The run called `text`, or the newest.
    func run(_ text: String?) async throws -> RunReader {
        let state = reading
        let found = try await runBlocking { () -> RunReader? in
            guard let text else { return try state.runs().first }
            return RunID(text).flatMap { state.run($0) }
        }
        guard let found else {
            throw StepFailure(
                "look at \(text.map { "run \($0)" } ?? "the newest run")", cause: "there is none in \(state.path)",
                remedy: text == nil ? "begin one with `runner run 11`" : "`runner status --all` lists the runs",
                kind: .badInput)
        }
        return found
    }
}

/// How results are printed.
struct FormatOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(name: .long, help: "How to print the result: text or json.")
    var format = Format.text

    /// Prints `value` as JSON, or `text` of it.
    func print(_ value: some Encodable, text: () -> String) throws {
        switch format {
        case .text:
            let text = text()
            if !text.isEmpty { Swift.print(text) }
        case .json: Swift.print(try JSONOutput.string(value))
        }
    }
}

/// JSON as every command prints it: sorted keys, ISO 8601 dates, indented.
enum JSONOutput {
    static func string(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension StepKit.Module {
    /// The module an operator names; there is one so far.
    static func named(_ number: Int) throws -> StepKit.Module {
        guard number == module11.number else {
            throw StepFailure(
                "find module \(number)", cause: "runner knows module \(module11.number) only",
                remedy: "`runner steps` shows what there is", kind: .usage)
        }
        return module11
    }
}

extension StepID: ExpressibleByArgument {
    /// Takes any text; the module decides whether it is one of its steps.
    public init?(argument: String) {
        self.init(argument)
    }
}

/// The secrets of this process: whatever is printed or recorded passes through it.
let redactor = Redactor()

/// Prints an error as the whole tool prints errors, and turns it into the promised exit status.
func reporting<Value>(_ work: () async throws -> Value) async throws -> Value {
    do {
        return try await work()
    } catch let error as any ExplainedError {
        Terminal.write("error: \(redactor.redact(error.description))\n")
        throw ExitCode(error.kind.exitStatus)
    } catch let error as CocoaError {
        Terminal.write("error: \(redactor.redact(error.localizedDescription))\n")
        throw ExitCode(FailureKind.badInput.exitStatus)
    }
}
