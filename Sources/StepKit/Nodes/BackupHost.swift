public import ClientKit
import SSH

/// The host that stores database backups, as `check` sees it.
public struct BackupHostReader: Sendable {
    /// The host's inventory name.
    public let name: String
    let directory: String
    let server: Inventory.PostgresService
    /// The CA certificates for the PostgreSQL server, which the host itself may lack; nil if the
    /// inventory names no file.
    var certificates: String?
    let shell: any RemoteShell

    /// Checks that the host can back up `source` now, and returns the path for the backup.
    ///
    /// Nothing is ever overwritten: the file is named `title`, with a number appended if that
    /// exists. Throws with what is missing.
    public func place(for source: DumpSource, title: String) async throws -> DumpFile {
        let attempt = "check whether the database \(source.database) can be backed up to \(name):\(directory)"
        // Debian's pg_dump is a wrapper that selects a version; with a host given, it runs the
        // newest installed one.
        let result = try await shell.run(
            RemoteCommand(
                ["sh", "-c", Self.look, "sh", directory, Self.fileName(title)],
                for: "check the space and programs for a backup", effect: .read,
                environment: ["PGHOST": server.hosts.joined(separator: ",")]))
        let facts = Dictionary(
            result.outputText.split(separator: "\n").map { line in
                let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return (words[0], words.count > 1 ? words[1] : "")
            }
        ) { first, more in "\(first), \(more)" }
        if let programs = facts["missing"] {
            throw StepFailure(
                attempt, host: name, cause: "\(programs) not found on the PATH",
                remedy: "install them: apt-get install postgresql-client util-linux")
        }
        guard result.exitStatus == 0, let path = facts["file"], let free = facts["free"].flatMap({ Int($0) }),
            let version = facts["version"]?.trimmingPrefix("pg_dump (PostgreSQL) ")
        else {
            throw StepFailure(
                attempt, host: name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run `pg_dump --version` and `df \(directory)` there, and fix what they report")
        }
        guard let own = Self.major(version), let servers = Self.major(source.serverVersion), own >= servers else {
            throw StepFailure(
                attempt, host: name,
                cause:
                    "pg_dump there is \(version), and the server PostgreSQL \(source.serverVersion): pg_dump refuses a "
                    + "newer server",
                remedy: "install postgresql-client-\(Self.major(source.serverVersion) ?? 0) or later there")
        }
        guard free >= source.bytes / 1024 else {
            throw StepFailure(
                attempt, host: name,
                cause: "\(free >> 10) MiB are free there, and the size of the database is \(source.bytes >> 20) MiB",
                remedy: "free space, or name another directory as backup.directory in the inventory")
        }
        return DumpFile(host: name, path: path)
    }

    /// The number before the first dot.
    static func major(_ version: some StringProtocol) -> Int? {
        Int(version.prefix { $0.isASCII && $0.isNumber })
    }

    /// `title` as a file name: a database may have any name.
    static func fileName(_ title: String) -> String {
        String(title.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "-" })
    }

    private static let look = #"""
        for p in pg_dump pg_restore flock; do command -v "$p" >/dev/null 2>&1 || printf 'missing %s\n' "$p"; done
        command -v pg_dump >/dev/null 2>&1 && printf 'version %s\n' "$(pg_dump --version)"
        count=1 number=
        while [ -e "$1/$2$number.dump" ]; do count=$((count + 1)); number=-$count; done
        printf 'file %s\n' "$1/$2$number.dump"
        # The space is that of the nearest directory there is: the last one is made when it is needed.
        d=$1
        while [ ! -d "$d" ]; do d=${d%/*}; d=${d:-/}; done
        df -Pk "$d" | { read -r heading && read -r device total used free rest && printf 'free %s\n' "$free"; }
        """#
}

/// The host that stores database backups, as `apply` sees it.
public struct BackupHostWriter: Sendable {
    /// The reading side.
    public let reader: BackupHostReader

    /// Backs up `source` to `file`, as chosen by ``BackupHostReader/place(for:title:)``; the file
    /// gets its name only once its table of contents has been read and lists every table.
    ///
    /// Runs under the host's lock, so that it waits for a dump that a lost connection left running, and
    /// waits for tables that others have locked as long as `lock` says, and for the server as `connect` does.
    /// Returns the file's size in bytes.
    public func save(
        _ source: DumpSource, as file: DumpFile, within limit: TimeLimit, lock: TimeLimit, connect: TimeLimit
    ) async throws -> Int {
        let attempt = "back up the database \(source.database) to \(file)"
        let server = reader.server
        let dump = try await run(
            attempt,
            [
                "sh", "-c", Self.dump, "sh", file.path, "pg_dump", "--no-password", "--format=custom",
                "--lock-wait-timeout=\(1000 * lock.duration.components.seconds)",
                "--host=\(server.hosts.joined(separator: ","))", "--port=\(server.port)",
                "--username=\(source.user)", "--dbname=service=\(DumpSource.service)",
            ], input: try source.serviceFile(tls: server.sslmode, connectingWithin: connect),
            certificates: reader.certificates ?? "", within: limit)
        let missing = source.tablesMissing(from: dump.outputText)
        guard !source.tables.isEmpty, missing.isEmpty else {
            throw StepFailure(
                attempt, host: reader.name,
                cause:
                    "the backup's table of contents lacks \(missing.isEmpty ? "every table" : missing.map(\.description).joined(separator: ", "))",
                remedy: "inspect \(file.path).partial there with `pg_restore --list`, and run again")
        }
        let kept = try await run(attempt, ["sh", "-c", Self.keep, "sh", file.path], within: limit)
        guard let size = Int(kept.outputText.split(separator: "\n").last ?? "") else {
            throw StepFailure(
                attempt, host: reader.name, cause: "the host does not report the file's size: \(kept.firstWords)",
                remedy: "inspect \(file.path) there")
        }
        return size
    }

    private func run(
        _ attempt: String, _ arguments: [String], input: [UInt8] = [], certificates: String = "",
        within limit: TimeLimit
    ) async throws -> CommandResult {
        let result = try await reader.shell.run(
            RemoteCommand(
                arguments, for: attempt, standardInput: input, effect: .change, timeout: limit,
                environment: [
                    "LC_ALL": "C", "PGSERVICEFILE": "/dev/stdin", "CERTIFICATES": certificates,
                    "PGSSLROOTCERT": reader.server.rootCertificate == .system ? Self.systemCertificates : "",
                ]))
        guard result.exitStatus == 0 else {
            throw StepFailure(
                attempt, host: reader.name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "fix what it reports, or back up the database by hand and start a run with --no-backup")
        }
        return result
    }

    /// Debian's bundle of trusted CA certificates.
    private static let systemCertificates = "/etc/ssl/certs/ca-certificates.crt"

    private static let dump = #"""
        set -eu
        umask 077
        file=$1 directory=${1%/*}
        shift
        mkdir -p -m 700 -- "$directory"
        [ -n "$(find "$directory" -maxdepth 0 -user "$(id -u)" ! -perm /022)" ] || {
            printf '%s can be written by others: chmod 700 %s\n' "$directory" "$directory" >&2; exit 1; }
        [ ! -e "$file" ] || { printf '%s exists\n' "$file" >&2; exit 1; }
        rm -f -- "$file.partial"
        if [ -n "$CERTIFICATES" ]; then
            trap 'rm -f -- "$file.ca"' EXIT
            printf '%s' "$CERTIFICATES" > "$file.ca"
            export PGSSLROOTCERT="$file.ca"
        fi
        "$@" --file="$file.partial" || { status=$?; rm -f -- "$file.partial"; exit "$status"; }
        sync "$file.partial"
        pg_restore --list "$file.partial"
        """#

    private static let keep = #"""
        set -eu
        [ ! -e "$1" ]
        mv -T -- "$1.partial" "$1"
        sync "${1%/*}"
        stat -c %s -- "$1"
        """#
}

extension SiteReader {
    /// The host that stores backups; `nil` if the inventory names none.
    public func backupHost() async throws -> BackupHostReader? {
        guard let backup = inventory.backup, let host = inventory.backupHost else { return nil }
        return BackupHostReader(
            name: host.name, directory: backup.directory, server: inventory.postgres,
            certificates: credentials.certificates.postgres,
            shell: try await services.shell(on: host))
    }
}

extension SiteWriter {
    /// The host that stores backups; `nil` if the inventory names none.
    public func backupHost() async throws -> BackupHostWriter? {
        try await reader.backupHost().map(BackupHostWriter.init)
    }
}
