import Foundation

/// Random numbers that a seed repeats; printed, so that a failure can be.
public struct SeededNumbers: RandomNumberGenerator {
    /// What repeats them.
    public let seed: UInt64
    private var state: UInt64

    /// The seed is that of the environment's `RUNNER_TEST_SEED`, or a new one.
    public init() {
        let given = ProcessInfo.processInfo.environment["RUNNER_TEST_SEED"].flatMap { UInt64($0) }
        seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
        state = seed
        print("RUNNER_TEST_SEED=\(seed)")
    }

    /// The next one, by SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
