/// One time that a run had a module's Lease.
public struct LeaseTurn: Codable, Sendable, Hashable {
    /// The run's id.
    public let run: String
    /// The fencing number that it got: another one each time that a run takes the Lease.
    public let number: Int

    /// Names a turn.
    public init(run: String, number: Int) {
        self.run = run
        self.number = number
    }
}
