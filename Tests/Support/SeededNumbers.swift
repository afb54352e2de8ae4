import Foundation
import SplitMix

/// Random numbers that a seed repeats; printed, so that a failure can be.
public struct SeededNumbers: RandomNumberGenerator, Sendable {
    /// What repeats them.
    public let seed: UInt64
    private var numbers: SplitMix64

    /// One for the process: what several of them decide together is repeated by it.
    private static let processSeed =
        ProcessInfo.processInfo.environment["RUNNER_TEST_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...UInt64(UInt32.max))

    /// The seed is that of the environment's `RUNNER_TEST_SEED`, or a new one of this process.
    public init() {
        seed = Self.processSeed
        numbers = SplitMix64(seed: seed)
        print("RUNNER_TEST_SEED=\(seed)")
    }

    /// The next one.
    public mutating func next() -> UInt64 { numbers.next() }
}
