import ArgumentParser
import Journal
import StepKit

/// Which records of a run `runner audit show` shows.
struct RecordFilter: ParsableArguments {
    @Option(name: .long, help: "Show this step only.") var step: StepID?
    @Option(name: .long, help: "Show only what was sent to this host.") var host: String?
    @Flag(name: .long, help: "Show only what was changed, and what was about to be changed when a step failed.")
    var changesOnly = false

    func validate() throws {
        if changesOnly, host != nil { throw ValidationError("--changes-only excludes --host") }
    }

    /// Whether `entry` is to be shown; of a command's two records the second where the first was, which is in `commands`.
    func admits(_ entry: AuditEntry, commands: inout Set<Int>) -> Bool {
        if let step, entry.step != step.rawValue { return false }
        switch entry.content {
        case .commandStart(let start):
            guard !changesOnly, isHost(start.host) else { return false }
            commands.insert(entry.sequence)
            return true
        case .commandEnd(let end): return commands.remove(end.start) != nil
        case .runStart, .runResume, .runEnd: return host == nil
        case .stepCheck(let finding): return host == nil && (!changesOnly || finding.result == .drifted)
        case .stepEnd(let ending): return host == nil && (!changesOnly || ending.result != .inPlace)
        default: return host == nil && !changesOnly
        }
    }

    /// Whether a command's place, which has its port and database where it is no inventory name, is that host.
    private func isHost(_ place: String) -> Bool {
        guard let host else { return true }
        return place == host || place.hasPrefix("\(host):")
    }
}
