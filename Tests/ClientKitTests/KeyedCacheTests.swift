import ClientKit
import Synchronization
import Testing

@Suite struct KeyedCacheTests {
    private final class Maker: Sendable {
        let made = Mutex(0)
        let broken = Mutex<Set<Int>>([])

        func make() -> Int {
            made.withLock {
                $0 += 1
                return $0
            }
        }
    }

    private struct Failure: Error {}

    private func cache(_ maker: Maker) -> KeyedCache<String, Int> {
        KeyedCache { value in !maker.broken.withLock { $0.contains(value) } }
    }

    @Test func whoeverAsksAtTheSameTimeGetsTheSameOne() async throws {
        let maker = Maker()
        let cache = cache(maker)
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let askers = (0..<8).map { _ in
            Task {
                try await cache.value(for: "a") {
                    for await _ in gate {}
                    return maker.make()
                }
            }
        }
        for _ in 0..<100 { await Task.yield() }
        opener.finish()
        for asker in askers { #expect(try await asker.value == 1) }
        #expect(try await cache.value(for: "b") { maker.make() } == 2)
    }

    @Test func oneThatIsOfNoUseAnyMoreIsMadeAgainOnce() async throws {
        let maker = Maker()
        let cache = cache(maker)
        #expect(try await cache.value(for: "a") { maker.make() } == 1)
        maker.broken.withLock { _ = $0.insert(1) }
        async let first = cache.value(for: "a") { maker.make() }
        async let second = cache.value(for: "a") { maker.make() }
        #expect(try await [first, second] == [2, 2])
    }

    @Test func aFailureIsToldAndNotKept() async throws {
        let cache = cache(Maker())
        await #expect(throws: Failure.self) { try await cache.value(for: "a") { throw Failure() } }
        #expect(try await cache.value(for: "a") { 7 } == 7)
        #expect(await cache.takeAll() == [7])
        #expect(await cache.takeAll() == [])
    }

    @Test func aCancelledCallerDoesNotWaitForWhatIsBeingMade() async throws {
        let cache = cache(Maker())
        let asker = Task {
            try await cache.value(for: "a") {
                try await Task.sleep(for: .seconds(600)); return 1
            }
        }
        for _ in 0..<100 { await Task.yield() }
        asker.cancel()
        await #expect(throws: CancellationError.self) { try await asker.value }
    }

    /// What one caller no longer needs may be what another still waits for.
    @Test func aCancelledCallerEndsNothingForTheOthers() async throws {
        let maker = Maker()
        let cache = cache(maker)
        let (gate, opener) = AsyncStream<Void>.makeStream()
        let askers = (0..<2).map { _ in
            Task {
                try await cache.value(for: "a") {
                    for await _ in gate {}
                    try Task.checkCancellation()
                    return maker.make()
                }
            }
        }
        for _ in 0..<100 { await Task.yield() }
        askers[0].cancel()
        for _ in 0..<100 { await Task.yield() }
        opener.finish()
        #expect(try await askers[1].value == 1)
        #expect(maker.made.withLock { $0 } == 1)
    }

    @Test func whatNobodyWaitsForAnyMoreIsNotMade() async throws {
        let cache = cache(Maker())
        let askers = (0..<2).map { _ in
            Task {
                try await cache.value(for: "a") {
                    try await Task.sleep(for: .seconds(600)); return 1
                }
            }
        }
        for _ in 0..<100 { await Task.yield() }
        for asker in askers { asker.cancel() }
        for asker in askers { await #expect(throws: CancellationError.self) { try await asker.value } }
        #expect(try await cache.value(for: "a") { 7 } == 7)
    }
}
