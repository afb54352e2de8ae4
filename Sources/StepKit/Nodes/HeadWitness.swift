public import ClientKit
public import SSH

/// A head of a run's audit log on its way to a witness; every field is one word.
public struct HeadLine: Sendable, Hashable {
    /// The run.
    public let run: String
    /// The head of its log: `seq:hash`.
    public let head: String
    /// The head that the witness must have last for this run; nil if it must have none.
    public var follows: String?
    /// The machine and state directory that the run belongs to.
    public let origin: String

    /// Describes a line; see the properties.
    public init(run: String, head: String, follows: String? = nil, origin: String) {
        (self.run, self.head, self.follows, self.origin) = (run, head, follows, origin)
    }
}

/// The answer of a witness.
public enum HeadAnswer: Sendable, Hashable {
    /// It stored the head, at this place.
    case kept(place: String)
    /// The last head it has is not the expected one, but `has`; nil if it has none.
    case refused(place: String, has: String?)
}

/// Stores heads of audit logs outside the operator's machine.
public protocol HeadWitness: Sendable {
    /// Its name, for people.
    var name: String { get }
    /// Stores `line` if it follows the last one of its run.
    func keep(_ line: HeadLine) async throws -> HeadAnswer
}

/// A file on a master to which heads of audit logs are appended.
///
/// For root it is `/var/log/keybuzz-runner.heads`, append-only where the file system supports that;
/// for other users it is in their home directory.
public struct HeadFile: HeadWitness {
    private let shell: any RemoteShell
    private let path: String
    private let limit: TimeLimit?

    /// The file on the host of `shell`, which may take `limit` for an answer; `path` is for tests.
    public init(on shell: any RemoteShell, within limit: TimeLimit? = nil, path: String = "") {
        self.shell = shell
        self.limit = limit
        self.path = path
    }

    /// The host.
    public var name: String { shell.hostName }

    /// Appends `line` unless it is already there; a line that does not follow the last one of its
    /// run changes nothing.
    public func keep(_ line: HeadLine) async throws -> HeadAnswer {
        let attempt = "store the audit log's head on \(name)"
        let result = try await shell.run(
            RemoteCommand(
                [
                    "sh", "-c", Self.place + Self.append, "sh", path, line.run, line.head, line.follows ?? "",
                    line.origin,
                ],
                for: "store the audit log's head outside the operator's machine", effect: .change,
                timeout: limit, environment: ["LC_ALL": "C"]))
        let words = result.outputText.split(separator: "\n").last?.split(separator: " ").map(String.init) ?? []
        guard result.exitStatus == 0, words.count >= 2 else {
            throw refusal(attempt, result)
        }
        let place = "\(name):\(words[1])"
        switch words[0] {
        case "kept": return .kept(place: place)
        case "refused": return .refused(place: place, has: words.count > 2 ? words[2] : nil)
        default: throw refusal(attempt, result)
        }
    }

    /// All lines of the file for `audit verify`, the numbers of unreadable ones, and the file's
    /// path.
    public func read() async throws -> (place: String, lines: [HeadLine], unreadable: [Int]) {
        let attempt = "read the heads of audit logs on \(name)"
        let result = try await shell.run(
            RemoteCommand(
                ["sh", "-c", Self.place + Self.show, "sh", path], for: attempt, effect: .read,
                timeout: limit, outputLimit: 64 << 20, environment: ["LC_ALL": "C"]))
        // By scalars: to Swift "\r\n" is one character, and whoever may append could hide the line after a "\r".
        let all = result.outputText.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map(Substring.init)
        guard result.exitStatus == 0, let place = all.first, !result.isTruncated else {
            throw refusal(attempt, result)
        }
        var (lines, unreadable): ([HeadLine], [Int]) = ([], [])
        for (index, text) in all.dropFirst().enumerated() where !text.isEmpty {
            let words = text.split(separator: " ").map(String.init)
            if words.count == 4 {
                lines.append(HeadLine(run: words[1], head: words[2], origin: words[3]))
            } else {
                unreadable.append(index + 1)
            }
        }
        return ("\(name):\(place)", lines, unreadable)
    }

    private func refusal(_ attempt: String, _ result: CommandResult) -> StepFailure {
        StepFailure(
            attempt, host: name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
            remedy: "check the file's owner and permissions, and the free disk space, there")
    }

    private static let place = #"""
        file=$1
        if [ -z "$file" ]; then
            if [ "$(id -u)" = 0 ]; then file=/var/log/keybuzz-runner.heads
            elif [ -d "$HOME" ]; then file=$HOME/.keybuzz-runner.heads
            else echo 'the login has no home directory, and is not root' >&2; exit 1; fi
        fi
        if [ -L "$file" ] || { [ -e "$file" ] && [ ! -f "$file" ]; }; then
            printf '%s is not a regular file\n' "$file" >&2; exit 1
        fi

        """#

    private static let append = #"""
        umask 077
        run=$2 head=$3 follows=$4 origin=$5 last=
        if [ -e "$file" ]; then
            last=$(grep -F -- " $run " "$file" | tail -n 1) && last=${last#* * } last=${last%% *}
        fi
        [ "$last" != "$head" ] || { printf 'kept %s\n' "$file"; exit 0; }
        if [ "$last" != "$follows" ] || [ "${head%%:*}" -le "${follows%%:*}" ] 2>/dev/null; then
            printf 'refused %s %s\n' "$file" "$last"
            exit 0
        fi
        # What a full disk cut off stays a line of its own.
        [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo >> "$file" || exit 1
        printf '%s %s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$run" "$head" "$origin" >> "$file" || exit 1
        sync "$file" || exit 1
        # Not every file system knows files that can only be appended to, and not every login may make one.
        chattr +a "$file" 2>/dev/null
        printf 'kept %s\n' "$file"
        """#

    private static let show = #"""
        printf '%s\n' "$file"
        [ ! -e "$file" ] || cat -- "$file"
        """#
}
