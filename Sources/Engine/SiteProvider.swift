public import ClientKit
public import StepKit

/// Connects to the platform; the executable has the live one, tests of the engine their own.
public protocol SiteProvider: Sendable {
    /// Connects to every Kubernetes node at once and chooses a master; everything done there goes
    /// through `observer`.
    ///
    /// Throws when no master answers, or when any host's key or our own is refused.
    func open(observer: any ActivityObserver) async throws -> any OpenSite
}

extension SiteProvider {
    /// Connects, does `work`, and closes every connection, however `work` ends.
    public func withSite<Value>(
        observer: any ActivityObserver, _ work: (any OpenSite) async throws -> Value
    ) async throws -> Value {
        let site = try await open(observer: observer)
        return try await withCleanup({ await site.close() }, after: { try await work(site) })
    }
}

/// The platform while it is connected.
public protocol OpenSite: Sendable {
    /// The platform through the master in use now; what steps say goes to `reporter`.
    ///
    /// Throws when no master is left.
    func site(reporter: Reporter) async throws -> SiteWriter
    /// Gives up the hosts that `error` says are lost, and turns to another master where the one in
    /// use is among them.
    ///
    /// With `mayReturn`, hosts whose connection was closed are connected to again, and where no master
    /// is left, those that were given up are asked again. Returns `nil` where `error` is about no such
    /// loss, so that trying again is no use. Throws when no master is left.
    func failOver(after error: any ExplainedError, mayReturn: Bool) async throws -> Failover?
    /// Looks at the module's lease, so that what is read from now on holds when it is taken undisturbed; returns the last turn
    /// of another run than `run`, `nil` where the lease names none, whether it may be at work still, and whether there is a lease.
    func observeLease(for run: String) async throws -> (lastTurn: LeaseTurn?, isHeld: Bool, isThere: Bool)
    /// Takes the module's lease in the cluster; throws an error of kind `busy` that names who holds it.
    ///
    /// `step`, with which the run begins, is noted on it for others. What was read since ``observeLease(for:)`` is forgotten where
    /// another run had the lease in between.
    func takeLease(run: String, step: String?) async throws -> LeaseTaking
    /// Renews the lease with the step and the audit log's head on it; throws an error of kind `busy`
    /// when it is no longer ours.
    func renewLease(step: String?, auditHead: String) async throws
    /// Releases the lease, with the audit log's head on it; throws an error of kind `busy` when it is no
    /// longer ours.
    func releaseLease(auditHead: String) async throws
    /// Releases the lease if this very process has it for `run`, as where the answer to ``takeLease(run:step:)``
    /// was lost; leaves anybody else's alone.
    func releaseLease(takenFor run: String) async throws
    /// Who keeps heads of the audit log outside this machine's disk.
    func witnesses() async -> [any HeadWitness]
    /// Closes every connection.
    func close() async
}

extension OpenSite {
    /// Does `work` through the master in use, and again through the next one for as long as it fails
    /// because hosts are lost.
    ///
    /// `onFailover` gets each time which hosts were abandoned, and why. Hosts that were given up are
    /// used again three times at most: one that is back and fails at the same work each time
    /// would be tried for ever. Throws what is no such loss, and when no master is left.
    public func throughMasters<Value>(
        reporter: Reporter, _ work: (SiteWriter) async throws -> Value,
        onFailover: (_ lost: String, _ error: any ExplainedError) async throws -> Void
    ) async throws -> Value {
        var returns = 0
        while true {
            let site = try await site(reporter: reporter)
            do {
                return try await work(site)
            } catch let error as any ExplainedError {
                guard !Task.isCancelled,
                    let failover = try await failOver(after: error, mayReturn: returns < mostReturns)
                else { throw error }
                if failover.isReturn { returns += 1 }
                try await onFailover(failover.words, error)
            }
        }
    }
}

/// How often hosts that were given up are used again for one work: all masters may be restarted one
/// after another this often while a step works.
private let mostReturns = 3

/// What a site gave up, and what it goes on with.
public struct Failover: Sendable {
    /// What was given up, and what the site goes on with, for people.
    public let words: String
    /// Whether it goes on with a host that it had given up.
    public let isReturn: Bool

    /// Describes a failover; see the properties.
    public init(_ words: String, isReturn: Bool = false) {
        self.words = words
        self.isReturn = isReturn
    }
}

/// How the module's lease was taken.
public struct LeaseTaking: Sendable {
    /// The holder it was taken over from, where it had not been released.
    public let takenOverFrom: String?
    /// How long it lasts without renewal.
    public let duration: Duration
    /// Its fencing number: greater each time that a run takes it.
    public let number: Int
    /// The run that had it before, where the lease told that.
    public let runBefore: String?
    /// The head of that run's audit log, as the lease told then.
    public let headBefore: String?
    /// The last turn of another run, which may be an earlier one than ``runBefore`` where that is the run itself.
    public let lastTurn: LeaseTurn?

    /// Describes a taking; see the properties.
    public init(
        takenOverFrom: String?, duration: Duration, number: Int, runBefore: String? = nil, headBefore: String? = nil,
        lastTurn: LeaseTurn? = nil
    ) {
        self.runBefore = runBefore
        self.headBefore = headBefore
        self.lastTurn = lastTurn
        self.number = number
        self.takenOverFrom = takenOverFrom
        self.duration = duration
    }
}
