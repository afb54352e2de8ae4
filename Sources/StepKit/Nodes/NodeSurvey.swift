import ClientKit
import RegexBuilder
import SSH

/// What one command read from a node: its programs, its firewall, whether another command holds its
/// lock, and the answers to HTTP probes.
public actor NodeSurvey {
    private var missing: Set<String>?
    private var firewall: CommandResult?
    private var answers: [HTTPProbe: HTTPAnswer] = [:]
    /// Whether a command of another run, or of an earlier one, was at work there.
    private(set) var isLocked: Bool?
    /// Whether the node knows this run's fencing number.
    private(set) var refusesEarlierRuns = false

    /// Starts empty.
    public init() {}

    /// The programs that are checked for: all that steps run on a node.
    static let programs = ["curl", "flock", "kubectl"]

    func remember(missing: Set<String>, firewall: CommandResult, isLocked: Bool, answers: [HTTPAnswer]) {
        self.missing = missing
        self.isLocked = isLocked
        self.firewall = firewall
        // A failure is retried by the caller that needs the answer, with a longer time limit.
        self.answers = Dictionary(answers.filter { $0.status != 0 && $0.curlCode == 0 }.map { ($0.probe, $0) }) {
            first, _ in first
        }
    }

    func noteRefusal() { refusesEarlierRuns = true }

    func forget() {
        (missing, firewall, isLocked, answers) = (nil, nil, nil, [:])
    }

    func missingPrograms(among programs: [String]) -> [String]? {
        guard programs.allSatisfy(Self.programs.contains) else { return nil }
        return missing.map { missing in programs.filter(missing.contains) }
    }

    func ufwStatus() -> CommandResult? { firewall }

    /// The answers to all of `probes`; `nil` unless all are known.
    func answers(to probes: [HTTPProbe]) -> [HTTPAnswer]? {
        let known = probes.compactMap { answers[$0] }
        return known.count == probes.count ? known : nil
    }
}

extension NodeReader {
    /// Reads programs, firewall and pages with one command, and keeps the answers for later
    /// callers.
    func makeSurvey(probes: [HTTPProbe]) async throws {
        // A caller that needs a missing page asks again, with the time limit of the inventory.
        let batch = CurlBatch(probes, within: .seconds(1), total: .seconds(5), stopsAtFailure: true)
        let command = RemoteCommand(
            ["sh", "-c", Self.surveyScript, "sh", batch.marker, probes.isEmpty ? "no" : "yes", shell.lockFile ?? ""]
                + NodeSurvey.programs,
            for: "inspect the programs, the firewall\(probes.isEmpty ? "" : " and the pages") of the node",
            standardInput: Array(batch.configuration.utf8), effect: .read,
            // Without this survey each caller asks for itself, so that a node that needs longer costs no more than this.
            timeout: batch.total * probes.count + .seconds(15), environment: ["LC_ALL": "C"])
        let text = try await shell.run(command).outputText
        // An answer that cannot be parsed is not kept: the next caller reports why.
        guard let match = text.firstMatch(of: Self.surveyMarks(batch.marker)), let status = Int32(match.3),
            let answers = batch.answers(from: String(text[match.range.upperBound...]))
        else { return }
        let firewall = CommandResult(
            exitStatus: status, standardOutput: Array(match.2.utf8), standardError: [], isTruncated: false,
            duration: .zero)
        await survey.remember(
            missing: Set(match.1.split(separator: "\n").map(String.init)), firewall: firewall,
            isLocked: match.4 == "held", answers: answers)
    }

    private static let surveyScript = #"""
        mark=$1 pages=$2 lock=$3; shift 3
        for p in "$@"; do command -v "$p" >/dev/null 2>&1 || printf '%s\n' "$p"; done
        printf '\n%s firewall\n' "$mark"
        (
        \#(FirewallState.readingScript)
        ) 2>&1
        status=$?
        \#(lockScript)
        printf '\n%s status %s lock %s\n' "$mark" "$status" "$held"
        [ "$pages" = no ] || curl --config -
        """#

    /// Sets `held` to whether a command holds the lock of the host, a file that `lock` names.
    private static let lockScript = #"""
        held=free
        case $lock in "~/"*) lock=$HOME/${lock#"~/"};; esac
        if [ -r "$lock" ]; then { flock -s -n 8; } 8<"$lock" 2>/dev/null; [ $? -ne 1 ] || held=held; fi
        """#

    /// Waits for the host's lock, where it has one, and gives it back.
    fileprivate func passLock(for attempt: String) async throws {
        guard shell.lockFile != nil else { return }
        _ = try await shell.run(RemoteCommand(["true"], for: attempt, effect: .read, isExclusive: true))
    }

    /// Whether a command is at work here that holds the host's lock.
    fileprivate func isLocked(for attempt: String) async throws -> Bool {
        if let known = await survey.isLocked { return known }
        guard let lock = shell.lockFile else { return false }
        let result = try await shell.run(
            RemoteCommand(
                ["sh", "-c", "lock=$1\n\(Self.lockScript)\nprintf '%s\\n' \"$held\"", "sh", lock], for: attempt,
                effect: .read))
        // One that was killed said neither.
        return result.outputText != "free\n"
    }

    /// The missing programs, UFW's output and its exit status, and the lock's state; the answers to the
    /// probes follow.
    private static func surveyMarks(
        _ mark: String
    ) -> Regex<(Substring, Substring, Substring, Substring, Substring)> {
        Regex {
            Anchor.startOfSubject
            Capture { ZeroOrMore(.reluctant) { CharacterClass.any } }
            "\n\(mark) firewall\n"
            Capture { ZeroOrMore(.reluctant) { CharacterClass.any } }
            "\n\(mark) status "
            Capture { OneOrMore(.digit) }
            " lock "
            Capture { OneOrMore(.word) }
            "\n"
        }
    }
}

extension SiteReader {
    /// Waits until no command of an earlier run is at work on the nodes, and discards what was read meanwhile.
    ///
    /// The survey has looked for one; where it was forgotten since, as another run had the lease, or could not be parsed,
    /// the node is looked at now.
    ///
    /// A run that was killed may leave its last command running. Throws an error of kind `busy` if one
    /// has not ended within the inventory's limit.
    public func awaitEarlierCommands() async throws {
        let attempt = "wait until no earlier command is running"
        let locked = try await onEveryNode(attempt) { try await $0.isLocked(for: attempt) }
            .filter(\.answer).map(\.node)
        guard !locked.isEmpty else { return }
        _ = try await concurrently(locked, for: attempt) { try await $0.passLock(for: attempt) }
        await prefetch.discard()
    }

    /// Has every node refuse commands of earlier runs from now on, as of one that was stopped and goes on.
    ///
    /// Each learns this run's fencing number with a command that has its lock, once.
    public func refuseEarlierRuns() async throws {
        let attempt = "refuse commands of earlier runs"
        _ = try await onEveryNode(attempt) { node in
            guard await !node.survey.refusesEarlierRuns else { return }
            try await node.passLock(for: attempt)
            await node.survey.noteRefusal()
        }
    }
}
