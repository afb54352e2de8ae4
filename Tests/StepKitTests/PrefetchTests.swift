import ClientKit
import Testing

@testable import StepKit

@Suite struct PrefetchTests {
    private let prefetch = Prefetch()
    private let reads = Locked(0)

    /// Reads the number of readings so far.
    private func read() async throws -> Int {
        try await prefetch.value { [reads] in
            await Task.yield()
            return reads.withLock {
                $0 += 1
                return $0
            }
        }
    }

    @Test func aValueIsReadOncePerTypeUntilTheFirstChange() async throws {
        #expect(try await [read(), read()] == [1, 1])
        #expect(try await prefetch.value { "words" } == "words")
        #expect(try await prefetch.value { "other words" } == "words")
        // What could not all be read is read again, and kept.
        await prefetch.discard()
        #expect(try await [read(), read()] == [2, 2])
        await prefetch.forget()
        #expect(try await [read(), read()] == [3, 4])
    }

    /// The questions of `runner doctor` come all at once.
    @Test func whoeverAsksAtTheSameTimeSharesOneReading() async throws {
        let values = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 1...16 { group.addTask { try await read() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(values == Array(repeating: 1, count: 16))
    }

    @Test func aReadingThatFailsIsNotKept() async throws {
        await #expect(throws: StepFailure.self) {
            _ = try await prefetch.value { () -> Int in throw StepFailure("read", cause: "no", remedy: "none") }
        }
        #expect(try await read() == 1)
    }

    /// What was being read while the change began may be older than it.
    @Test func aReadingThatTheFirstChangeOvertakesIsNotKept() async throws {
        let first = try await prefetch.value { [prefetch] in
            await prefetch.forget()
            return 0
        }
        #expect(first == 0)
        #expect(try await read() == 1)
    }
}
