import ClientKit

/// Does `work` for all items concurrently; returns the results in the items' order, or throws all
/// failures together.
public func concurrently<Item: Sendable, Answer: Sendable>(
    _ items: [Item], for attempt: String, work: @escaping @Sendable (Item) async throws -> Answer
) async throws -> [Answer] {
    var answers: [Answer] = []
    var failures: [any ExplainedError] = []
    for result in await results(of: items, work: work) {
        switch result {
        case .success(let answer): answers.append(answer)
        case .failure(let error as any ExplainedError): failures.append(error)
        case .failure(let error): throw error
        }
    }
    guard failures.isEmpty else { throw CombinedFailure(attempt, failures) }
    return answers
}

/// Does `work` for all items concurrently; returns the result of each, in the items' order.
public func results<Item: Sendable, Answer: Sendable>(
    of items: [Item], work: @escaping @Sendable (Item) async throws -> Answer
) async -> [Result<Answer, any Error>] {
    await withTaskGroup(of: (Int, Result<Answer, any Error>).self) { group in
        for (index, item) in items.enumerated() {
            group.addTask {
                do { return (index, .success(try await work(item))) } catch { return (index, .failure(error)) }
            }
        }
        var ended: [(Int, Result<Answer, any Error>)] = []
        for await result in group { ended.append(result) }
        return ended.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
