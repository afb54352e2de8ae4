import StepKit

/// Why a step refuses a database in its present state, and who can change that.
struct DatabaseRefusal: Sendable, Hashable {
    let attempt: String
    let cause: String
    let cure: Cure

    /// What to do about it.
    ///
    /// This is not plain text, since a step is named only if it changes the cause.
    enum Cure: Sendable, Hashable {
        /// A step of this module.
        case step(StepID)
        /// Statements for a superuser to run in a database, after which the run can continue.
        case statements([String], database: String)
        /// Something else that the operator has to do.
        case person(Remedy)

        var remedy: Remedy {
            switch self {
            case .step(let id): .runFrom(id)
            case .statements(let statements, let database):
                "let a superuser run in database \"\(database)\": \(statements.joined(separator: "; ")); then run again"
            case .person(let remedy): remedy
            }
        }
    }

    func failure(_ site: SiteReader) -> StepFailure {
        StepFailure(attempt, host: site.postgresWords, cause: cause, remedy: site.remedy(cure.remedy))
    }
}
