import Glibc

/// What asks a run to stop before its last step.
public enum Interruption: Sendable, Hashable {
    /// A signal, from the operator or from the system.
    case signal(Int32)
    /// The time that the operator gave the command has run out.
    case timeLimit(Duration)

    /// The exit status of a process that ends because of it.
    public var exitStatus: Int32 {
        switch self {
        case .signal(let number): 128 + number
        case .timeLimit: 124
        }
    }

    /// What happened, for the operator and the record.
    public var summary: String {
        switch self {
        case .signal(SIGTERM): "interrupted by SIGTERM"
        case .signal(SIGHUP): "interrupted because the terminal was closed (SIGHUP)"
        case .signal(SIGXCPU): "interrupted at the limit of processor time, `ulimit -t` (SIGXCPU)"
        case .signal: "interrupted"
        case .timeLimit(let limit): "interrupted after the \(limit.components.seconds) s of --timeout"
        }
    }
}
