import ClientKit
import Foundation
import Journal

/// A run on one page: who, what, when, with what result, and whether the record is intact.
struct RunReport {
    let run: RunReader
    let state: StateDirectory
    let report: AuditReport
    let time: Date

    /// Writes the page, piece by piece: a log may be larger than the memory.
    func write(to output: (HTMLText) throws -> Void) throws {
        let isGrowing = try run.isUnderWay(in: state)
        let facts = try ReportFacts.read(run, isGrowing: isGrowing)
        try output(try head())
        try output(verdict)
        try output(who(facts))
        if let began = facts.began, let ended = facts.ended, !facts.steps.isEmpty {
            try output("<h2>Timeline</h2>\n")
            try output(ReportTimeline(steps: facts.steps, began: began, ended: ended).picture)
            try output("\n<h2>Steps and their changes</h2>\n")
            for step in facts.steps { try output(section(step)) }
        }
        try commands(isGrowing: isGrowing, to: output)
        try output("<h2>Everything else on record</h2>\n<table class=\"remarks\">\n")
        for remark in facts.remarks {
            try output(
                "<tr><td class=\"time\">\(clock(remark.time))</td><td>\(remark.text)</td>"
                    + "<td class=\"time\">record \(remark.record)</td></tr>\n")
        }
        try output("</table>\n")
        if let defect = facts.defect { try output("<p class=\"error\">The log ends here: \(defect)</p>\n") }
        try output(
            "<p class=\"soft\">Written by runner \(Runner.version) at \(time.formatted(.iso8601)). Times are UTC. "
                + "This page by itself proves nothing; verify the record with "
                + "<code>runner audit verify \(run.id)</code>.</p>\n"
                + "</body>\n</html>\n")
    }

    private func head() throws -> HTMLText {
        let status = try RunStatus.state(of: run, in: state)
        let header = try run.header().content
        let outcome = try run.outcome().content
        let rows: [(String, String?)] = [
            ("Began", header?.started.formatted(.iso8601)), ("Ended", outcome?.ended.formatted(.iso8601)),
            ("Command", header?.runner.arguments.joined(separator: " ")),
            ("Program", header.map { "runner \($0.runner.version), sha256 \($0.runner.sha256)" }),
            ("Inventory", header.map { "\($0.inventory.path), sha256 \($0.inventory.sha256)" }),
            ("Run before", header?.previous.map { "\($0.run), up to record \($0.audit)" }),
            ("Error", status.error),
        ]
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>Run \(run.id)</title>
            <style>\(ReportStyle.sheet)</style>
            </head>
            <body>
            <h1>Run \(run.id) of module \(run.id.module): \(status.state)</h1>
            \(table(rows))
            """
    }

    private var verdict: HTMLText {
        let lines =
            [report.verdicts] + report.findings.map(\.description)
            + (report.authenticity?.findings ?? []).map(\.description)
            + report.notes.map { "note: \($0)" } + (report.authenticity?.notes ?? []).map { "note: \($0)" }
        let signatures: HTMLText =
            report.authenticity == nil
            ? "\n<span class=\"soft\">Signatures were not checked: use --allowed-signers.</span>" : ""
        let kind = report.holds ? "good" : "bad"
        return """
            <h2>Verification</h2>
            <div class="verdict \(kind)">\(lines.joined(separator: "\n"))\(signatures)</div>

            """
    }

    private func who(_ facts: ReportFacts) -> HTMLText {
        let sections = facts.openings.enumerated().map { index, opened -> HTMLText in
            let opening = opened.opening
            let clock = opening.clock.map {
                $0.isSynchronized ? "synchronised, within \($0.largestErrorMilliseconds) ms" : "NOT synchronised"
            }
            let rows: [(String, String?)] = [
                (index == 0 ? "Started by" : "Resumed by", opening.who.summary),
                ("At", opened.time.formatted(.iso8601)), ("From", opening.who.sshConnection),
                ("Ticket", opening.ticket), ("Reason", opening.reason), ("Clock", clock),
                ("Plan", opening.plan.map { "sha256 \($0)" }),
            ]
            return table(rows)
        }
        return "<h2>Who</h2>\n\(.joined(sections))"
    }

    private func section(_ step: ReportFacts.Step) -> HTMLText {
        let error: HTMLText = step.error.map { "<p class=\"error\">\($0)</p>\n" } ?? ""
        let isDone = step.result == .applied
        let heading: HTMLText = isDone ? "changed" : "to be changed, not verified"
        let rows = step.changes.map { change -> HTMLText in
            let secret = change.secret.map { " (secret: \($0.rawValue))" } ?? ""
            return "<tr><td>\(change.words)\(secret)</td><td>\(change.object ?? "")</td></tr>\n"
        }
        let changes: HTMLText =
            rows.isEmpty
            ? ""
            : "<table class=\"changes\"><thead><tr><th>\(heading)</th><th>object</th></tr></thead>\n<tbody>\(.joined(rows))</tbody></table>\n"
        return """
            <h3>\(step.name): \(step.summary)</h3>
            <p class="soft">\(clock(step.began)) to \(clock(step.ended)); commands: \(step.writes) that may change \
            something, \(step.reads) that only read</p>
            \(error)\(changes)
            """
    }

    private func commands(isGrowing: Bool, to output: (HTMLText) throws -> Void) throws {
        try output(
            "<h2>Commands</h2>\n<table class=\"commands\"><thead><tr><th>time</th><th>host</th><th>purpose and command</th><th>result</th>"
                + "</tr></thead>\n<tbody>\n")
        var reader = try CommandReader(run)
        while let command = try next(&reader, isGrowing: isGrowing) { try output(row(command)) }
        try output("</tbody></table>\n")
    }

    /// The next command; nil also if the log is damaged, which is reported at the end of the page.
    private func next(_ reader: inout CommandReader, isGrowing: Bool) throws(JournalError) -> RecordedCommand? {
        do throws(JournalError) {
            return try reader.next(isGrowing: isGrowing)
        } catch {
            guard error.kind == .badInput else { throw error }
            return nil
        }
    }

    private func row(_ command: RecordedCommand) -> HTMLText {
        let start = command.start
        let effect = start.effect == .change ? "may change" : "only reads"
        let result =
            command.end.map { "\($0.outcome) \($0.value), \($0.durationMilliseconds) ms" } ?? "the outcome is unknown"
        let login = [start.user.map { "as \($0)" }, start.database.map { "database \($0)" }].compactMap(\.self)
        return """
            <tr><td class="time">\(clock(command.time))</td><td>\(([start.host] + login).joined(separator: "\n"))</td>\
            <td>\(start.purpose.map { "\($0)\n" } ?? "")<span class="code">\(beginning(of: start.command.joined(separator: " ")))</span></td>\
            <td>\(result)\n<span class="soft">\(effect)</span></td></tr>

            """
    }

    /// A script is shown by its first lines; the record has all of it.
    private func beginning(of command: String) -> String {
        let lines = command.split(separator: "\n", omittingEmptySubsequences: false)
        let start = lines.prefix(5).joined(separator: "\n").prefix(500)
        let rest = command.count - start.count
        return rest == 0 ? command : "\(start)… and \(rest) more characters"
    }

    private func table(_ rows: [(name: String, value: String?)]) -> HTMLText {
        let cells = rows.compactMap { name, value -> HTMLText? in
            value.map { "<tr><th>\(name)</th><td>\($0)</td></tr>\n" }
        }
        return "<table class=\"facts\">\n\(.joined(cells))</table>\n"
    }

    private func clock(_ time: Date) -> String {
        time.formatted(Date.ISO8601FormatStyle().time(includingFractionalSeconds: false))
    }
}
