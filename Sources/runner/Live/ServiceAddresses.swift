import ClientKit
import StepKit

/// The addresses of one service; the one that worked last comes first, so that a dead one costs
/// time only once per run.
actor ServiceAddresses {
    private let attempt: String
    private let addresses: [String]
    private let goesOn: @Sendable (any ExplainedError) -> Bool
    private let search = AttemptQueue()
    private var good: String?

    /// `goesOn` decides whether to try another address after an error.
    init(_ addresses: [String], attempt: String, goesOn: @escaping @Sendable (any ExplainedError) -> Bool) {
        self.attempt = attempt
        self.addresses = addresses
        self.goesOn = goesOn
    }

    /// The result of `dial` for the first address that works.
    ///
    /// One task at a time searches for it, and the others share the result, even if no address
    /// works.
    func connect<Connection: Sendable>(
        _ dial: @escaping @Sendable (String) async throws -> Connection
    ) async throws -> Connection {
        var failures: [(address: String, error: any ExplainedError)] = []
        if let good {
            do {
                return try await dial(good)
            } catch let error as any ExplainedError where goesOn(error) {
                failures = [(good, error)]
                forget(good)
            }
        }
        let known = failures
        return try await search.run { [self] in
            try await find(after: known, dial)
        } sharing: { [goesOn] error in
            error is CombinedFailure || (error as? any ExplainedError).map(goesOn) == true
        }
    }

    private func find<Connection: Sendable>(
        after known: [(address: String, error: any ExplainedError)],
        _ dial: @Sendable (String) async throws -> Connection
    ) async throws -> Connection {
        var failures = known
        let first = good.map { [$0] } ?? []
        for address in first + addresses where !failures.contains(where: { $0.address == address }) {
            do {
                let connection = try await dial(address)
                good = address
                return connection
            } catch let error as any ExplainedError where goesOn(error) {
                failures.append((address, error))
                forget(address)
            }
        }
        guard failures.count == 1 else { throw CombinedFailure(attempt, failures.map(\.error)) }
        throw failures[0].error
    }

    private func forget(_ address: String) {
        if good == address { good = nil }
    }
}
