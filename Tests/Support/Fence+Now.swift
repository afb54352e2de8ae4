public import ClientKit

extension Fence {
    /// One of a Lease that was taken just now.
    public init(module: Int, number: Int, end: ContinuousClock.Instant) {
        self.init(module: module, number: number, began: .now, end: end)
    }
}
