/// Why somebody runs a module, in that person's words.
public struct RunReason: Sendable, Hashable {
    /// The ticket or approval: `OPS-1234`.
    public var ticket: String?
    /// The reason.
    public var reason: String?

    /// Puts both together; either may be missing.
    public init(ticket: String? = nil, reason: String? = nil) {
        self.ticket = ticket
        self.reason = reason
    }
}
