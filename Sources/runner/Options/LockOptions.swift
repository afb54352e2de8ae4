import ArgumentParser

/// What to do while another run has the module.
struct LockOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "How many seconds to wait while another run has the module (default: end at once with status 75).",
            valueName: "seconds"))
    var lockWait: Int?

    /// How long to wait.
    var wait: Duration { .seconds(lockWait ?? 0) }

    func validate() throws {
        // As the limits in the inventory are.
        guard (0...86400).contains(lockWait ?? 0) else {
            throw ValidationError("--lock-wait must be between 0 and 86400 seconds")
        }
    }
}
