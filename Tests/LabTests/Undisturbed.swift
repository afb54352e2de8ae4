import Testing

/// What a run makes that nothing disturbs, found out once for all tests of this process.
///
/// Leaves the lab as that run has left it, or as it was.
enum Undisturbed {
    private static let run = Task {
        try await Lab.reset()
        let run = try await Lab.runner("run", "11")
        try #require(run.status == 0, "\(run.error)")
        return (fingerprint: try await Platform.fingerprint(), seconds: run.seconds)
    }

    /// See ``Platform/fingerprint()``.
    static func fingerprint() async throws -> [String] { try await run.value.fingerprint }

    /// How long it takes here and now, in seconds.
    static func seconds() async throws -> Double { try await run.value.seconds }
}
