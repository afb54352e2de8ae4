/// What a run makes that nothing disturbs, found out once for all tests of this process.
///
/// Leaves the lab as that run has left it, or as it was.
enum Undisturbed {
    private static let run = Task {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        return try await Platform.fingerprint()
    }

    /// See ``Platform/fingerprint()``.
    static func fingerprint() async throws -> [String] { try await run.value }
}
