import ArgumentParser
import Journal

/// Whose signatures count.
struct SignatureOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Require signatures of these operators, a file as ssh-keygen(1) describes under ALLOWED SIGNERS.")
    var allowedSigners: String?

    /// Who knows them; nil where signatures are not asked for.
    var judge: (any SignatureJudge)? {
        get async throws {
            if let allowedSigners { try await AllowedSignersJudge(path: allowedSigners) } else { nil }
        }
    }
}
