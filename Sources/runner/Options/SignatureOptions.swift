import ArgumentParser
import Journal

/// The operators whose signatures count.
struct SignatureOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "Require signatures by the operators in this file, in the ALLOWED SIGNERS format of ssh-keygen(1).")
    var allowedSigners: String?

    /// Checks signatures; nil if they are not required.
    var judge: (any SignatureJudge)? {
        get async throws {
            if let allowedSigners { try await AllowedSignersJudge(path: allowedSigners) } else { nil }
        }
    }
}
