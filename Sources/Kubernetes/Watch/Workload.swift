/// A workload to watch.
public enum Workload: Sendable, Hashable, CustomStringConvertible {
    /// The Deployment of this name.
    case deployment(String)
    /// The Job of this name.
    case job(String)

    /// `Deployment web`.
    public var description: String {
        switch self {
        case .deployment(let name): "Deployment \(name)"
        case .job(let name): "Job \(name)"
        }
    }
}
