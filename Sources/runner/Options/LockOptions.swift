import ArgumentParser

/// What to do while another run holds the module's lock.
struct LockOptions: ParsableArguments {
    @Option(
        name: .long,
        help: .init(
            "Wait this long, at most 24h, such as 90s, 15m or 1h30m, for another run of the module to finish (default: exit at once "
                + "with status 75).",
            valueName: "duration"))
    var lockWait: WrittenDuration?

    /// How long to wait.
    var wait: Duration { lockWait?.duration ?? .zero }
}
