import StepKit

/// The extensions that an image of Chatwoot uses.
struct Extensions: Sendable, Hashable {
    /// Those without which its schema cannot be loaded or migrated.
    let required: [String]
    /// Those that it may need if its tag does not show the version; created if the server has them.
    let useful: [String]

    var all: [String] { required + useful }

    /// The owner of a database may create the others, but gets 42501 for pg_stat_statements; v4
    /// stores vectors.
    init(image: ImageReference?) {
        let always = ["pg_stat_statements", "pg_trgm", "pgcrypto", "plpgsql"]
        switch image?.majorVersion {
        case .some(..<4): (required, useful) = (always, [])
        case .some: (required, useful) = (always + ["vector"], [])
        case .none: (required, useful) = (always, ["vector"])
        }
    }

    /// Extensions whose functions and types Chatwoot's schema names without their schema.
    static let namedBare: Set = ["pg_trgm", "pgcrypto", "vector"]

    /// The package with the files of an extension.
    static func package(of name: String, serverVersion: Int) -> String {
        name == "vector" ? "pgvector (postgresql-\(serverVersion / 10_000)-pgvector)" : "PostgreSQL's contrib package"
    }
}

extension ImageReference {
    /// The first number of a tag such as `v4.0.1`; `nil` for other tags.
    var majorVersion: Int? {
        guard let tag, let match = tag.firstMatch(of: /^v?([0-9]+)\.[0-9]/) else { return nil }
        return Int(match.1)
    }
}
