import ClientKit

extension PostgresWriter {
    /// Makes a change unless the catalogue shows that it is in effect, and checks that it is afterwards.
    ///
    /// The change is one transaction: whoever was cut off around its commit finds all of it or nothing,
    /// and asks the catalogue which, before anything is sent again.
    ///
    /// - Parameters:
    ///   - attempt: What is done, for errors.
    ///   - doubt: What is wrong where the server accepts the statement and the change is not in effect.
    ///   - statement: Makes the statement.
    ///   - isInEffect: Asks the catalogue.
    func ensure(
        _ attempt: String, otherwise doubt: String,
        by statement: () async throws(PostgresError) -> Statement,
        until isInEffect: () async throws(PostgresError) -> Bool
    ) async throws(PostgresError) {
        if try await isInEffect() { return }
        try await change(by: statement, until: isInEffect)
        guard try await isInEffect() else { throw await notInEffect(attempt, cause: doubt) }
    }

    /// Sends a change; where another session was at the same object, asks the catalogue and sends it again.
    ///
    /// That session may be an orphan: the statement of a process that was killed, which the server still
    /// carries out.
    func change(
        by statement: () async throws(PostgresError) -> Statement,
        until isInEffect: () async throws(PostgresError) -> Bool
    ) async throws(PostgresError) {
        for isLast in [false, false, true] {
            do throws(PostgresError) {
                _ = try await rows(try await statement())
                return
            } catch {
                guard error.comesOfAnotherSession else { throw error }
                if try await isInEffect() { return }
                if isLast { throw error }
            }
        }
    }

    func notInEffect(_ attempt: String, cause: String) async -> PostgresError {
        PostgresError(
            .notInEffect, attempt: attempt, host: await connection.place, cause: cause,
            remedy: "check whether somebody else is changing it, and which privileges the admin role lacks",
            kind: .failed)
    }
}

extension PostgresError {
    /// Whether the server rolled the change back because another session was at the same object.
    ///
    /// It was created (42710, 42P04, 42P06, or 23505 at the same instant), dropped or renamed (3D000,
    /// 42704), locked in another order (40P01, 40001), or updated, which catalogues report as an
    /// internal error (XX000).
    fileprivate var comesOfAnotherSession: Bool {
        let codes = [
            "42710", "42P04", "42P06", "23505", "3D000", "42704", "40P01", "40001", "XX000",
        ]
        return kind != .unknownOutcome && sqlState.map(codes.contains) == true
    }
}
