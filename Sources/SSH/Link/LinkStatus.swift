import ClientKit

/// Whether a session is lost, for the sessions inside it, which read this from their own threads.
final class LinkStatus: Sendable {
    /// The inventory name of the host at its far end.
    let hostName: String
    /// The session inside which this one runs.
    private let carrier: LinkStatus?
    private let lost = Locked<LinkFailure?>(nil)

    init(hostName: String, carrier: LinkStatus?) {
        self.hostName = hostName
        self.carrier = carrier
    }

    /// Why it is lost, if it is.
    var failure: LinkFailure? { lost.withLock { $0 } }

    /// Notes why it is lost; only the first reason counts, or that of the session below it.
    func lose(_ reason: LinkFailure) {
        let reason = blamed(reason)
        lost.withLock { $0 = $0 ?? reason }
    }

    /// `failure`, or that of the session inside which this one runs, where that is what happened.
    func blamed(_ failure: LinkFailure) -> LinkFailure {
        guard !failure.isOurs, let carrier, let loss = carrier.failure else { return failure }
        return .carrierLost(name: carrier.hostName, explanation: loss.explanation)
    }
}
