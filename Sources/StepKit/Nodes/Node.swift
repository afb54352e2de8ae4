public import ClientKit
import Foundation
public import SSH

/// A Kubernetes node as `check` and `verify` see it: nothing here can change anything.
public struct NodeReader: Sendable {
    /// The inventory name.
    public let name: String
    /// The node's address in the node network.
    public let address: String
    let shell: any RemoteShell
    let survey: NodeSurvey
    private let newSession: NewSession?
    private let probeLimit: TimeLimit

    /// Opens another session to the host, for the duration of its argument.
    public typealias NewSession =
        @Sendable (_ use: @Sendable (any RemoteShell) async throws -> Void) async throws -> Void

    /// Reads over `shell` what `survey` does not know.
    ///
    /// `newSession` is for what only a new connection can prove. A probe from the node may take
    /// `probeLimit` to connect.
    public init(
        name: String, address: String, shell: any RemoteShell, survey: NodeSurvey = NodeSurvey(),
        newSession: NewSession? = nil, probeLimit: TimeLimit = .seconds(2)
    ) {
        self.probeLimit = probeLimit
        self.survey = survey
        self.newSession = newSession
        self.name = name
        self.address = address
        self.shell = shell
    }

    /// Reads UFW's state; `nil` if UFW is not installed, so that nothing is filtered.
    public func firewall() async throws -> FirewallState? {
        let known = await survey.ufwStatus()
        let result = if let known { known } else { try await shell.run(FirewallState.reading) }
        let attempt = "read the firewall's state with `ufw status verbose`"
        switch result.exitStatus {
        case FirewallState.notInstalled: return nil
        case FirewallState.notAllowed:
            throw StepFailure(
                attempt, host: name, cause: "UFW is installed there, and only root can read or change it",
                remedy: "log in as root: set \"user\" in the inventory, under \"ssh\" or at the host")
        default: break
        }
        guard result.exitStatus == 0, let state = FirewallState(ufwStatus: result.outputText) else {
            throw StepFailure(
                attempt, host: name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run the command on the host by hand, and fix what it reports")
        }
        return state
    }

    /// Opens another session to this host and closes it after `use`.
    func withNewSession(_ use: @Sendable (any RemoteShell) async throws -> Void) async throws {
        guard let newSession else {
            throw StepFailure(
                "open another SSH session", host: name,
                cause: "no second connection can be opened", remedy: "report this")
        }
        try await newSession(use)
    }

    /// The same node over another session.
    func over(_ shell: any RemoteShell) -> NodeReader {
        NodeReader(name: name, address: address, shell: shell, probeLimit: probeLimit)
    }

    /// Makes all probes from this node, with one curl process.
    ///
    /// With `stopsAtFailure`, the answers end with the first incomplete one. With `limit`, that is how long each answer
    /// may take, the connection included; otherwise it is what probes inside the cluster may take.
    public func fetch(
        _ probes: [HTTPProbe], within limit: TimeLimit? = nil, stopsAtFailure: Bool = false
    ) async throws -> [HTTPAnswer] {
        guard !probes.isEmpty else { return [] }
        if let known = await survey.answers(to: probes) { return known }
        let batch = CurlBatch(
            probes, within: limit ?? probeLimit, total: limit ?? probeLimit * 4, stopsAtFailure: stopsAtFailure)
        let command = RemoteCommand(
            ["curl", "--config", "-"], for: "fetch \(probes.map(\.url).joined(separator: ", "))",
            standardInput: Array(batch.configuration.utf8), effect: .read,
            timeout: batch.total * probes.count + .seconds(5))
        let result = try await shell.run(command)
        guard result.exitStatus != 127 else {
            throw StepFailure(
                "fetch \(probes[0].url)", host: name, cause: "curl is not installed there",
                remedy: "install it: apt-get install curl")
        }
        guard let answers = batch.answers(from: result.outputText) else {
            throw StepFailure(
                "fetch \(probes[0].url)", host: name,
                cause: "curl exited with status \(result.exitStatus) without an answer for each "
                    + "probe: \(result.firstWords)",
                remedy: "check curl's version on the host: 7.75 or later is required")
        }
        return answers
    }

    /// Which of `programs` are not on the node's PATH.
    public func missingPrograms(among programs: [String]) async throws -> [String] {
        if let known = await survey.missingPrograms(among: programs) { return known }
        let script = #"for p in "$@"; do command -v "$p" >/dev/null 2>&1 || printf '%s\n' "$p"; done"#
        let attempt = "look for \(programs.joined(separator: ", "))"
        let result = try await shell.run(
            RemoteCommand(["sh", "-c", script, "sh"] + programs, for: attempt, effect: .read))
        // One that was killed may have had more to say.
        guard result.exitStatus == 0 else {
            throw StepFailure(
                attempt, host: name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run `command -v \(programs.first ?? "")` on the host by hand, and fix what it reports")
        }
        return result.outputText.split(separator: "\n").map(String.init)
    }
}

/// A Kubernetes node as `apply` sees it.
public struct NodeWriter: Sendable {
    /// The reading side.
    public let reader: NodeReader

    /// Allows changes to the node of `reader`.
    public init(_ reader: NodeReader) {
        self.reader = reader
    }

    /// Runs a changing command under the host's lock, and throws unless it exits 0.
    ///
    /// `purpose` is recorded with it.
    public func run(
        _ arguments: [String], for purpose: String? = nil, timeout: TimeLimit? = nil
    ) async throws {
        let result = try await reader.shell.run(
            RemoteCommand(arguments, for: purpose, effect: .change, timeout: timeout, environment: ["LC_ALL": "C"]))
        guard result.exitStatus == 0 else {
            throw StepFailure(
                "run `\(arguments.joined(separator: " "))`", host: reader.name,
                cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run the command on the host by hand, and fix what it reports")
        }
    }
}

extension CommandResult {
    /// The first 300 characters of the command's output on one line, standard error first.
    var firstWords: String {
        let text = errorText.isEmpty ? outputText : errorText
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.isEmpty ? "it printed nothing" : String(line.prefix(300))
    }
}
