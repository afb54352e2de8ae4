public import ClientKit
import Kubernetes
import SSH

/// The hosts and API servers that are lost according to an error.
public struct LostHosts: Sendable {
    /// Lost hosts by inventory name, each with the error that shows it.
    public internal(set) var hosts: [String: any ExplainedError] = [:]
    /// Masters by inventory name whose host responds, but whose API server does not, or reports
    /// that it cannot serve.
    public internal(set) var apiServers: [String: any ExplainedError] = [:]

    /// Whether none is lost.
    public var isEmpty: Bool { hosts.isEmpty && apiServers.isEmpty }
}

extension ExplainedError {
    /// The hosts that are lost according to this error, or to one of those that it combines.
    public var lostHosts: LostHosts {
        var lost = LostHosts()
        collect(into: &lost)
        return lost
    }

    private func collect(into lost: inout LostHosts) {
        switch self {
        case let combined as CombinedFailure:
            for failure in combined.failures { failure.collect(into: &lost) }
        case let error as SSHError where error.kind == .unreachable || error.hostIsLost:
            lost.hosts[error.hostName] = error
        case let error as KubernetesError:
            switch error.code {
            case .shell(let shell): shell.collect(into: &lost)
            // An API server that has lost its etcd, is starting or is overloaded reports that
            // itself; another master's may work.
            case .serverUnreachable, .server:
                if error.kind == .unreachable, let host = error.host { lost.apiServers[host] = error }
            default: break
            }
        default: break
        }
    }
}
