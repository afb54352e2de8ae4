public import ClientKit

/// A database to back up, and the tables that the backup must contain.
public struct DumpSource: Sendable {
    /// The database.
    public let database: String
    /// The role that owns it; no other privilege is needed.
    public let user: String
    /// The role's password.
    public let password: Secret
    /// The tables that the backup's table of contents must list.
    public let tables: [Table]
    /// The size of the database on the server in bytes; the backup is smaller.
    public let bytes: Int
    /// The server's version: `15.20 (Debian 15.20-0+deb12u1)`.
    public let serverVersion: String

    /// A table with its schema.
    public struct Table: Sendable, Hashable, CustomStringConvertible {
        let schema: String
        let name: String

        /// `public.users`.
        public var description: String { "\(schema).\(name)" }

        /// Names a table.
        public init(schema: String = "public", name: String) {
            self.schema = schema
            self.name = name
        }
    }

    /// Describes a database; see the properties.
    public init(
        database: String, user: String, password: Secret, tables: [Table], bytes: Int, serverVersion: String
    ) {
        self.database = database
        self.user = user
        self.password = password
        self.tables = tables
        self.bytes = bytes
        self.serverVersion = serverVersion
    }

    /// The tables that `contents`, the output of `pg_restore --list`, does not list with both their
    /// definition and their rows.
    func tablesMissing(from contents: String) -> [Table] {
        let lines = contents.split(separator: "\n").filter { !$0.hasPrefix(";") }
        return tables.filter { table in
            !["TABLE", "TABLE DATA"].allSatisfy { kind in
                lines.contains { $0.contains(" \(kind) \(table.schema) \(table.name) ") }
            }
        }
    }

    /// A libpq service file: the only way to pass `pg_dump` a password on its standard input.
    ///
    /// A password file must be a regular file, environment and arguments can be read by others, and
    /// a prompt needs a terminal.
    func serviceFile(
        tls: Inventory.PostgresService.SSLMode, connectingWithin limit: TimeLimit
    ) throws(StepFailure) -> [UInt8] {
        let secret = password.reveal()
        // A value is the rest of its line, without trailing spaces.
        let isWhole = [secret, database].allSatisfy { text in
            text.last?.isWhitespace != true && !text.contains(where: \.isNewline)
        }
        guard isWhole else {
            throw StepFailure(
                "pass the password of \"\(user)\" to pg_dump",
                cause:
                    "the database's name or the password ends with a space or contains a line break, "
                    + "which libpq's service file does not support",
                remedy: "choose another password, or back up the database by hand and start a run with --no-backup",
                kind: .badInput)
        }
        let lines = [
            "[\(Self.service)]", "dbname=\(database)", "password=\(secret)", "sslmode=\(tls.rawValue)",
            "connect_timeout=\(max(2, limit.duration.components.seconds))", "target_session_attrs=read-write",
        ]
        return Array((lines.joined(separator: "\n") + "\n").utf8)
    }

    static let service = "keybuzz"
}

/// A backup of a database on a host.
public struct DumpFile: Sendable, Hashable, CustomStringConvertible {
    /// The host's inventory name.
    public let host: String
    /// The file there.
    public let path: String

    /// `backup-01:/var/backups/keybuzz/support-20261124T120000Z-11-3f9a.dump`.
    public var description: String { "\(host):\(path)" }

    /// The command that restores it into the empty database `database`, run on the host; it asks
    /// for the role's password.
    ///
    /// A role that only owns the database can neither create pg_stat_statements nor comment on
    /// extensions, so these must already exist there. The restore is one transaction, so that a
    /// failure leaves the database empty.
    public func restoreCommand(into database: String, as user: String, on server: Inventory.PostgresService) -> String {
        let words = [
            "pg_restore", "--host=\(server.hosts.joined(separator: ","))", "--port=\(server.port)",
            "--username=\(user)", "--dbname=\(database)", "--no-comments", "--no-owner", "--no-acl",
            "--single-transaction", path,
        ]
        return words.map(ShellWord.quoteIfNeeded).joined(separator: " ")
    }
}
