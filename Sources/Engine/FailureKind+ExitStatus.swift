public import ClientKit

extension FailureKind {
    /// The exit status that the command line promises for this kind.
    public var exitStatus: Int32 {
        switch self {
        case .failed, .unreachable, .unknownOutcome: 1
        case .usage: 64
        case .badInput: 65
        case .noMaster: 69
        case .stateNotWritable: 73
        case .busy: 75
        case .refused: 77
        case .outOfTime: 124
        }
    }
}
