/// How a workload stands, by one look at its namespace.
public enum Verdict: Sendable, Hashable {
    /// It is up, or ended well.
    case done(String)
    /// It is on its way, with what was seen last and what holds it up, if anything does.
    case waiting(String, Trouble?)
    /// It failed for good.
    case failed(Trouble)
}

/// A workload to watch.
public enum Workload: Sendable, Hashable, CustomStringConvertible {
    /// The Deployment of this name.
    case deployment(String)
    /// The Job of this name.
    case job(String)

    /// `Deployment chatwoot-web`.
    public var description: String {
        switch self {
        case .deployment(let name): "Deployment \(name)"
        case .job(let name): "Job \(name)"
        }
    }
}
