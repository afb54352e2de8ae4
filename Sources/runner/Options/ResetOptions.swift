import ArgumentParser
import ClientKit
import Foundation
import Glibc
import StepKit

/// Options of a run that are not in the inventory.
struct ResetOptions: ParsableArguments {
    @Flag(
        name: .long,
        help:
            "Rename the database and start with an empty one; asks for its name on the terminal.")
    var resetDatabase = false
    @Option(
        name: .long,
        help: .init(
            "With --reset-database: the database's name, which confirms the reset without a prompt.",
            valueName: "database"))
    var yesReset: String?
    @Flag(name: .long, help: "Migrate existing data without a backup first; recorded.") var noBackup = false

    func validate() throws {
        guard yesReset == nil || resetDatabase else {
            throw ValidationError("--yes-reset requires --reset-database")
        }
    }

    /// The options, without asking for confirmation.
    var unconfirmed: RunOptions { RunOptions(resetsDatabase: resetDatabase, skipsBackup: noBackup) }

    /// The options, once the operator has named the database that is to be reset.
    func confirmed(
        for module: StepKit.Module, on inventory: StepKit.Inventory
    ) async throws -> RunOptions {
        guard resetDatabase else { return unconfirmed }
        guard let name = module.application(inventory).database?.name else {
            throw StepFailure(
                "reset the database", cause: "module \(module.number) has none",
                remedy: "omit --reset-database", kind: .usage)
        }
        let attempt = "reset the database \(name)"
        let remedy = "give --yes-reset=\(name)"
        let answer: String?
        if let yesReset {
            answer = yesReset
        } else {
            answer = await Self.ask(
                "This renames the database \"\(name)\" on \(inventory.postgres.hosts.joined(separator: ", ")) "
                    + "and starts with an empty one.\nType the database's name to continue: ")
        }
        guard let answer else {
            throw StepFailure(
                attempt, cause: "there is no terminal to ask for confirmation", remedy: remedy, kind: .usage)
        }
        guard answer == name else {
            throw StepFailure(
                attempt, cause: "the name given is \"\(answer)\", and the inventory's database is \"\(name)\"",
                remedy: remedy + " if that is the right one", kind: .usage)
        }
        return unconfirmed
    }

    /// A line typed on the terminal; `nil` if there is no terminal.
    private static func ask(_ question: String) async -> String? {
        do {
            return try await runBlocking {
                guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return nil }
                Terminal.write("\(question)")
                return readLine() ?? ""
            }
        } catch {
            return nil
        }
    }
}
