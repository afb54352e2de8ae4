import StepKit

/// Why a step refuses a database as it is, and who can change that.
struct DatabaseRefusal: Sendable, Hashable {
    let attempt: String
    let cause: String
    let cure: Cure

    /// What helps.
    ///
    /// A step is named only where it changes what the cause is, which is why this is no text.
    enum Cure: Sendable, Hashable {
        /// A step of this module.
        case step(StepID)
        /// Statements for a superuser, in a database, after which the run can continue.
        case statements([String], database: String)
        /// Something else that a person does.
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
