import ArgumentParser
import ClientKit
import Foundation
import Journal

/// `runner audit show`.
struct AuditShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show who did what, where, when, with what result.",
        discussion: """
            Commands that only read are counted, unless --commands or --host is given. Times are \
            UTC. --format json prints the records exactly as they are in the log.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @OptionGroup var filter: RecordFilter
    @Flag(name: .long, help: "Show every command, with its exact arguments.") var commands = false
    @OptionGroup var stateOptions: StateOptions
    @OptionGroup var formatOptions: FormatOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let (filter, format, commands) = (filter, formatOptions.format, commands || filter.host != nil)
            try await runBlocking {
                try reader.requireLog(in: state)
                let records = try Records(reader, in: state, filter: filter)
                if format == .json {
                    return try EntryPrinter.print(as: .json) {
                        try records.next()
                    } line: { _ in
                        ""
                    } json: {
                        String(decoding: $0.record.bytes, as: UTF8.self)
                    }
                }
                for line in try reader.heading(in: state) { try StandardOutput.write(line) }
                var account = RunAccount(showsCommands: commands)
                var count = 0
                let reading = Result {
                    while let next = try records.next() {
                        count += 1
                        for line in account.lines(next.entry) { try StandardOutput.write(line) }
                    }
                }
                for line in account.rest(isUnderWay: records.isGrowing) { try StandardOutput.write(line) }
                try reading.get()
                if count == 0, let words = filter.words {
                    try StandardOutput.write("no record \(words.visibleOnOneLine)")
                }
            }
        }
    }
}

/// The records of a run that pass a filter.
private final class Records {
    let isGrowing: Bool
    private let chain: AuditChain
    private let filter: RecordFilter
    private var commands: Set<Int> = []

    init(_ run: RunReader, in state: StateDirectory, filter: RecordFilter) throws {
        isGrowing = try run.isUnderWay(in: state)
        chain = try run.records()
        self.filter = filter
    }

    func next() throws -> (record: AuditRecord, entry: AuditEntry)? {
        while let record = try chain.next(isGrowing: isGrowing) {
            let entry = try record.entry()
            if filter.admits(entry, commands: &commands) { return (record, entry) }
        }
        return nil
    }
}

/// Prints entries one by one; if the log is damaged, the entries before the damage, then the error.
enum EntryPrinter {
    static func print<Entry>(
        as format: FormatOptions.Format, next: () throws -> Entry?, line: (Entry) throws -> TerminalText,
        json: (Entry) throws -> String
    ) throws {
        guard format == .json else {
            while let entry = try next() { try StandardOutput.write(line(entry)) }
            return
        }
        var list = try JSONList()
        let printing = Result { while let entry = try next() { try list.append(json: json(entry)) } }
        try list.close()
        try printing.get()
    }
}
