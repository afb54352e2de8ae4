import ArgumentParser
import Journal
import StepKit

/// Selects the records that `runner audit show` prints.
struct RecordFilter: ParsableArguments {
    @Option(name: .long, help: "Show only this step.") var step: StepID?
    @Option(name: .long, help: "Show only what was sent to this host.") var host: String?
    @Flag(name: .long, help: "Show only changes, including those that a failed step was about to make.")
    var changesOnly = false

    func validate() throws {
        if changesOnly, host != nil { throw ValidationError("--changes-only excludes --host") }
    }

    /// What limits the records, in words; nil where nothing does.
    var words: String? {
        let limits = [
            step.map { "of step \($0)" }, host.map { "of a command on \($0)" }, changesOnly ? "of a change" : nil,
        ].compactMap(\.self)
        return limits.isEmpty ? nil : limits.joined(separator: " and ")
    }

    /// Whether to show `entry`; a command's second record is shown if its first was, which is in
    /// `commands`.
    ///
    /// What says that the record itself is not whole is always shown.
    func admits(_ entry: AuditEntry, commands: inout Set<Int>) -> Bool {
        if [.damage, .tornTail, .setAside].contains(entry.kind) { return true }
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

    /// Whether a command's place is that host; it is an inventory name, or an address with port and
    /// database.
    private func isHost(_ place: String) -> Bool {
        guard let host else { return true }
        return place == host || place.hasPrefix("\(host):")
    }
}
