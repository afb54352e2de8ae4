import ClientKit
import Foundation
public import Journal
public import StepKit

extension ModulePlan {
    /// A plan as a file holds it.
    public typealias File = SealedFile<ModulePlan>

    /// Reads a plan of `module` that ``write(to:)`` wrote; refuses a file that was cut or edited.
    public static func read(from path: String, for module: Module) async throws -> File {
        let command = Remedy.plan.text(forModule: module.number, quote: "")
        return try await runBlocking {
            try File(reading: path, remedy: "make a new plan with `\(command) -o \(path)`")
        }
    }

    /// Puts the plan into a file that only its owner may read, in the place of what was there before.
    public func write(to path: String) async throws {
        do {
            try await runBlocking { try File(sealing: self).write(to: path) }
        } catch let error as JournalError {
            throw StepFailure(
                "write the plan to \(path)", cause: error.cause, remedy: "choose another file with --output",
                kind: error.kind)
        }
    }

    /// Throws unless this is a plan of `module` for `inventory`, with the steps that this version of `runner` has.
    func require(for module: Module, inventory: Inventory, version: String) throws {
        func refusal(_ cause: String, remedy: String) -> StepFailure {
            StepFailure("carry out \(title)", cause: cause, remedy: remedy, kind: .badInput)
        }
        guard self.module == module.number else {
            throw refusal(
                "it is a plan of module \(self.module), not of module \(module.number)",
                remedy: "use a plan of module \(module.number)")
        }
        guard self.inventory.sha256 == inventory.digest else {
            throw refusal(
                "it was made with the inventory \(self.inventory.path) of SHA-256 \(self.inventory.sha256.prefix(12))…, and "
                    + "\(inventory.path) is \(inventory.digest.prefix(12))…",
                remedy: "use the inventory that it was made with, or make a new plan")
        }
        let (planned, known) = (steps.map(\.step), module.steps(for: RunOptions()).map(\.id))
        guard planned == known else {
            let missing = known.filter { !planned.contains($0) }.map { "lacks \($0)" }
            let strange = planned.filter { !known.contains($0) }.map { "has \($0), which is unknown here" }
            let difference = (missing + strange).joined(separator: ", ")
            throw refusal(
                "runner \(runner) made it, and its list of steps is not that of runner \(version): it "
                    + (difference.isEmpty ? "has a different order" : difference),
                remedy: "carry it out with runner \(runner), or make a new plan")
        }
    }

    /// The plan in a phrase.
    var title: String { "the plan of \(time.formatted(.iso8601))" }
}
