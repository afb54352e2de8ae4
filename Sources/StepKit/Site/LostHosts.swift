public import ClientKit
import Kubernetes
import SSH

/// The hosts and API servers that an error says are gone.
public struct LostHosts: Sendable {
    /// Hosts by inventory name, each with the error that says so.
    public internal(set) var hosts: [String: any ExplainedError] = [:]
    /// Masters by inventory name whose host answers and whose API server does not, or only that it can do nothing now.
    public internal(set) var apiServers: [String: any ExplainedError] = [:]
}

extension ExplainedError {
    /// Which hosts this error, or one of those it combines, says are gone.
    public var lostHosts: LostHosts {
        var lost = LostHosts()
        collect(into: &lost)
        return lost
    }

    private func collect(into lost: inout LostHosts) {
        switch self {
        case let combined as CombinedFailure:
            for failure in combined.failures { failure.collect(into: &lost) }
        case let error as SSHError where error.kind == .unreachable:
            lost.hosts[error.hostName] = error
        case let error as KubernetesError:
            switch error.code {
            case .shell(let shell): shell.collect(into: &lost)
            // A server that has lost its etcd, is starting or is overloaded says so itself; another master's may be well.
            case .serverUnreachable, .server:
                if error.kind == .unreachable, let host = error.host { lost.apiServers[host] = error }
            default: break
            }
        default: break
        }
    }
}
