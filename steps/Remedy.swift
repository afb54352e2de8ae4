import StepKit

/// A command of `runner` that a failure tells the operator to type: the compiler knows the step, and the module its number.
enum Remedy: Sendable, Hashable, CustomStringConvertible {
    /// The whole module: every step that is not in place.
    case run
    /// From a step on, which has to come before the one that fails: so no chain of remedies returns to where it began.
    case runFrom(StepID)
    /// The module with a new database, the old one kept aside.
    case runWithNewDatabase
    /// What a run would change.
    case plan

    /// See ``runFrom(_:)``.
    static func run(from step: any Step) -> Remedy { .runFrom(step.id) }

    /// The command in back quotes: `` `runner run 11` ``.
    var description: String { "`\(command)`" }

    /// The command alone, for a line of its own.
    var command: String {
        let number = module11.number
        return switch self {
        case .run: "runner run \(number)"
        case .runFrom(let step): "runner run \(number) --from \(step)"
        case .runWithNewDatabase: "runner run \(number) --reset-database"
        case .plan: "runner plan \(number)"
        }
    }
}
