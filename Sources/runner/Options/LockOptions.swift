import ArgumentParser

/// What to do while another run holds the module's lock.
struct LockOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "Seconds to wait for another run of the module to finish (default: exit at once with status 75).",
            valueName: "seconds"))
    var lockWait: Int?

    /// How long to wait.
    var wait: Duration { .seconds(lockWait ?? 0) }

    func validate() throws {
        // The same range as for limits in the inventory.
        guard (0...86400).contains(lockWait ?? 0) else {
            throw ValidationError("--lock-wait must be between 0 and 86400 seconds")
        }
    }
}
