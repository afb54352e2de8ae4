import Testing

/// Lets only so many tests of the suites that have it run at once, however many suites there are.
///
/// Swift Testing starts all tests of a run together. A hundred of them with servers of their own on two processors
/// wait longer for the processors than any limit that they check: a silent server was noticed after 26 s instead
/// of at once, since everything took part in everybody else's.
struct LimitedParallelismTrait: SuiteTrait, TestTrait, TestScoping {
    private static let places = Places(8)

    /// The limit holds for each test of the suite, not for the suite as one.
    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    /// Runs `function` when a place is free.
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.places.take()
        do {
            try await function()
        } catch {
            await Self.places.leave()
            throw error
        }
        await Self.places.leave()
    }

    /// Places that are given to those who wait in the order in which they came.
    private actor Places {
        private var free: Int
        private var waiting: [CheckedContinuation<Void, Never>] = []

        init(_ count: Int) { free = count }

        func take() async {
            guard free == 0 else {
                free -= 1
                return
            }
            await withCheckedContinuation { waiting.append($0) }
        }

        func leave() {
            guard waiting.isEmpty else { return waiting.removeFirst().resume() }
            free += 1
        }
    }
}

extension Trait where Self == LimitedParallelismTrait {
    /// Few tests at once, for suites whose tests start servers and watch the clock.
    static var limitedParallelism: Self { Self() }
}
