import Foundation

/// An exception in a Ruby program's log.
struct RubyException: Sendable, Hashable {
    /// Its class: `PG::UndefinedTable`.
    let name: String
    /// Its message, from the line that names it.
    let message: String
}

/// The exceptions in a Ruby program's log: traces of several lines with `Caused by:`, lines of
/// Rails and Sidekiq, and JSON lines, coloured or not.
struct RubyLog: Sendable, Hashable {
    /// The last exception that was raised, which ended the program if it has ended; its innermost
    /// cause first.
    let lastRaised: [RubyException]

    init(_ lines: some Sequence<String>) {
        var chains: [[RubyException]] = []
        var isCause = false
        for line in lines.flatMap(Self.plainLines) {
            if Self.causeHeadings.contains(line) {
                isCause = true
                continue
            }
            let named = Self.exceptions(in: line)
            guard !named.isEmpty else {
                // A cause follows its heading immediately, without an empty line.
                if !line.isEmpty { isCause = false }
                continue
            }
            if isCause, !chains.isEmpty {
                chains[chains.count - 1] += named
            } else {
                chains.append(named)
            }
            isCause = false
        }
        lastRaised = chains.last?.reversed() ?? []
    }

    private static let causeHeadings = ["Caused by:", "Causes:", "Cause:"]

    /// A line without colour codes and surrounding spaces; for a JSON object, the lines in its
    /// values.
    private static func plainLines(_ raw: String) -> [String] {
        let line = raw.replacing(/\u{1B}\[[0-9;]*[A-Za-z]/, with: "").trimmingCharacters(in: .whitespaces)
        guard line.hasPrefix("{") else { return [line] }
        do {
            let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return (value as? [String: Any]).map(lines) ?? [line]
        } catch {
            // A line may begin with a brace without being JSON: then it is plain text.
            return [line]
        }
    }

    /// The exception that the object names by class and message, or else the text of its message.
    private static func lines(of object: [String: Any]) -> [String] {
        for key in ["exception", "error", "err"] {
            if let pair = object[key] as? [String], pair.count >= 2 { return ["\(pair[0]): \(pair[1])"] }
            if let inner = object[key] as? [String: Any] { return lines(of: inner) }
        }
        func text(_ keys: [String]) -> String? { keys.lazy.compactMap { object[$0] as? String }.first }
        let words = text(["error_message", "exception_message", "errmsg", "message", "msg"])
        if let name = text(["error_class", "exception_class", "exception", "class"]),
            name.wholeMatch(of: className) != nil
        {
            return ["\(name): \(words ?? "")"]
        }
        return (words ?? "").split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static var className: Regex<Substring> { #/(?:[A-Z]\w*::)*[A-Z]\w*/# }
    /// The prefixes of loggers: `F, [2026-11-25T09:00:00.1 #1] FATAL -- : [id] `, Sidekiq's
    /// `… pid=1 tid=x WARN: `, Puma's `! Unable to load application: `.
    private static var prefix: Regex<Substring> {
        #/(?:[A-Z], \[[^\]]*\]\s+[A-Z]+ -- [^:]*: )?(?:\S+ pid=\d+ tid=\S+(?: \w+=\S+)* )?(?:(?:WARN|ERROR|FATAL): )?(?:\[[^\]]*\] ?)*(?:! )?(?:Unable to load application: )?/#
    }
    /// `Class: words`, `Class (words`, `#<Class: words>`.
    private static var leading: Regex<(Substring, Substring, Substring)> {
        #/(?:#<)?((?:[A-Z]\w*::)*[A-Z]\w*)(?::(?: |$)| \(|$)(.*)/#
    }
    /// Ruby's own message about an uncaught exception: `file.rb:7:in 'connect': words (Class)`.
    private static var uncaught: Regex<(Substring, Substring, Substring)> {
        #/\S+:\d+:in [`'].*?': (.*?) \(((?:[A-Z]\w*::)*[A-Z]\w*)\)/#
    }

    /// The container runtime's message if the kernel cannot run the program: Ruby did not start.
    private static var notExecutable: Regex<Substring> {
        #/(?:\S+ )?exec (?:\S+|user process caused): exec format error/#
    }

    /// The exceptions that a line names, the outer before the inner one:
    /// `ActiveRecord::StatementInvalid: PG::UndefinedTable: …`.
    private static func exceptions(in line: String) -> [RubyException] {
        if line.wholeMatch(of: notExecutable) != nil {
            return [RubyException(name: "Errno::ENOEXEC", message: line)]
        }
        if let match = line.wholeMatch(of: uncaught) {
            return [RubyException(name: String(match.2), message: String(match.1))] + wrapped(match.1)
        }
        let rest = line.prefixMatch(of: prefix).map { line[$0.range.upperBound...] } ?? line[...]
        return wrapped(rest)
    }

    private static func wrapped(_ text: Substring) -> [RubyException] {
        guard let match = text.wholeMatch(of: leading), isException(match.1) else { return [] }
        return [RubyException(name: String(match.1), message: String(match.2))] + wrapped(match.2)
    }

    /// Whether a constant names an exception: by PostgreSQL's and Redis' modules, or by its suffix.
    private static func isException(_ name: Substring) -> Bool {
        if ["PG::", "RedisClient::", "Errno::"].contains(where: name.hasPrefix) { return true }
        if name == "SystemExit" || name == "Interrupt" { return false }
        let last = name.split(separator: ":").last ?? name
        return ["Error", "Exception"].contains(where: last.hasSuffix) || Self.otherNames.contains(String(name))
    }

    private static let otherNames: Set<String> = [
        "ActiveRecord::StatementInvalid", "ActiveRecord::ConnectionNotEstablished", "ActiveRecord::QueryCanceled",
        "ActiveRecord::LockWaitTimeout", "ActiveRecord::StatementTimeout", "ActiveRecord::Deadlocked",
        "ActiveRecord::RecordNotFound", "ActiveRecord::RecordInvalid", "ActiveRecord::RecordNotUnique",
        "Bundler::GemNotFound", "Bundler::GemfileNotFound", "Psych::BadAlias",
    ]
}
