import ClientKit
import RegexBuilder
import SSH

/// What one command read from a node: its programs, its firewall, and the answers to HTTP probes.
public actor NodeSurvey {
    private var missing: Set<String>?
    private var firewall: CommandResult?
    private var answers: [HTTPProbe: HTTPAnswer] = [:]

    /// Starts empty.
    public init() {}

    /// The programs that are checked for: all that steps run on a node.
    static let programs = ["curl", "flock", "kubectl"]

    func remember(missing: Set<String>, firewall: CommandResult, answers: [HTTPAnswer]) {
        self.missing = missing
        self.firewall = firewall
        // A failure is retried by the caller that needs the answer, with a longer time limit.
        self.answers = Dictionary(answers.filter { $0.status != 0 && $0.curlCode == 0 }.map { ($0.probe, $0) }) {
            first, _ in first
        }
    }

    func forget() {
        (missing, firewall, answers) = (nil, nil, [:])
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
        // A caller that needs a missing page asks again, with a longer time limit.
        let batch = CurlBatch(probes, connectTimeout: 1, totalTimeout: 5, stopsAtFailure: true)
        let command = RemoteCommand(
            ["sh", "-c", Self.surveyScript, "sh", batch.marker, probes.isEmpty ? "no" : "yes"] + NodeSurvey.programs,
            for: "inspect the programs, the firewall\(probes.isEmpty ? "" : " and the pages") of the node",
            standardInput: Array(batch.configuration.utf8), effect: .read,
            timeout: .seconds(batch.totalTimeout * probes.count + 15), environment: ["LC_ALL": "C"])
        let text = try await shell.run(command).outputText
        // An answer that cannot be parsed is not kept: the next caller reports why.
        guard let match = text.firstMatch(of: Self.surveyMarks(batch.marker)), let status = Int32(match.3),
            let answers = batch.answers(from: String(text[match.range.upperBound...]))
        else { return }
        let firewall = CommandResult(
            exitStatus: status, standardOutput: Array(match.2.utf8), standardError: [], isTruncated: false,
            duration: .zero)
        await survey.remember(
            missing: Set(match.1.split(separator: "\n").map(String.init)), firewall: firewall, answers: answers)
    }

    private static let surveyScript = #"""
        mark=$1 pages=$2; shift 2
        for p in "$@"; do command -v "$p" >/dev/null 2>&1 || printf '%s\n' "$p"; done
        printf '\n%s firewall\n' "$mark"
        (
        \#(FirewallState.readingScript)
        ) 2>&1
        printf '\n%s status %s\n' "$mark" "$?"
        [ "$pages" = no ] || curl --config -
        """#

    /// The missing programs, UFW's output and its exit status; the answers to the probes follow.
    private static func surveyMarks(_ mark: String) -> Regex<(Substring, Substring, Substring, Substring)> {
        Regex {
            Anchor.startOfSubject
            Capture { ZeroOrMore(.reluctant) { CharacterClass.any } }
            "\n\(mark) firewall\n"
            Capture { ZeroOrMore(.reluctant) { CharacterClass.any } }
            "\n\(mark) status "
            Capture { OneOrMore(.digit) }
            "\n"
        }
    }
}
