import ClientKit

/// The processes that hold a host's lock, as the host says.
struct LockHolders: Hashable {
    /// Each with its command, process and age, joined; empty where nobody can see them.
    let words: String
    /// Their numbers there.
    let processes: [Int]

    /// Reads what the remote shell wrote, which others may have had a part in: one holder on each line.
    init(_ said: [UInt8]) {
        let lines = String(decoding: said.prefix(2000), as: UTF8.self).split(whereSeparator: \.isNewline).prefix(4)
        words = lines.map { $0.count > 500 ? "\($0.prefix(240))…\($0.suffix(240))".visible : $0.visible }
            .joined(separator: "; ")
        processes = lines.compactMap { line in
            // What comes last on the line is the host's own.
            line.matches(of: /\(process ([0-9]+)/).last.flatMap { Int($0.1) }
        }
    }

    /// The same for as long as it is the same processes.
    var id: String { processes.map(String.init).joined(separator: " ") }
}

extension RemoteCommand {
    /// The command with a mark of what it is for and by whom, for those who wait for its end.
    func marked(by author: String?) -> RemoteCommand {
        guard isExclusive, let author else { return self }
        var marked = self
        let words = (purpose ?? arguments.first ?? "").split(whereSeparator: \.isNewline).joined(separator: " ")
        marked.environment[RemoteScript.mark] = "\(words.prefix(200)), \(author)"
        return marked
    }
}
