/// How long a problem has to last before waiting any longer is pointless.
enum GracePeriod {
    /// For causes that never pass on their own; not zero, since a single check can see a transient
    /// state.
    static let permanent: Duration = .seconds(2)
    /// For causes that may be a short-lived shortage, such as old pods that still hold what new
    /// ones need.
    static let shortage: Duration = .seconds(8)
    /// For causes outside the cluster, which often pass.
    static let external: Duration = .seconds(60)
    /// For what the control plane does within a second, unless it is down or elects a new leader.
    static let controlPlane: Duration = .seconds(25)
}
