import Foundation
import FoundationXML
import Journal
import Testing

@testable import RunnerCommands

/// The page about a run.
@Suite(.timeLimit(.minutes(20))) struct ReportTests {
    /// The page, read by a parser of XML, which accepts nothing that is not closed or not escaped.
    private func parsed(_ page: String) throws -> XMLDocument {
        let meta = /<meta ([^>]*)>/
        let text = page.replacing("<!DOCTYPE html>", with: "").replacing(meta) { "<meta \($0.output.1)/>" }
        return try XMLDocument(xmlString: text)
    }

    @Test func tellsWhoDidWhatWhenAndWhetherTheRecordHolds() async throws {
        let sample = try await ReadableState()
        let page = try await sample.run("audit report")
        #expect(page.status == 0, "\(page.errors)")
        for part in [
            "of module 11: failed</h1>", "<th>Ticket</th><td>OPS-7</td>", "intact, complete, ", "<svg role=\"img\"",
            "<td>Deployment support/web: spec.replicas: 1 → 2</td><td>Deployment support/web</td>",
            "k8s-master-01\nas root", "exited 0, 12 ms", "11_ct_00_setup_credentials: failed</h3>",
            "<p class=\"error\">the link was lost</p>", "to be changed, not verified",
            "content=\"default-src 'none'; style-src 'unsafe-inline'\"",
        ] { #expect(page.output.contains(part), "\(part): \(page.output)") }
        // Nothing is loaded, and nothing runs.
        for part in ["<script", "src=", "href=", "url(", "@import", "javascript:"] {
            #expect(!page.output.contains(part), "\(part)")
        }
        let document = try parsed(page.output)
        #expect(try document.nodes(forXPath: "//*[local-name()='rect']").count == 2)
        #expect(try document.nodes(forXPath: "//h3").count == 2)
    }

    /// What comes from outside is text, whatever it holds.
    @Test func whatComesFromOutsideIsText() async throws {
        let evil: HTMLText = "<td title=\"\("\"><script>alert('x')</script>&amp;\u{202E}\u{0}")\">"
        #expect(
            evil.raw
                == "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\u{0}\">")
        let sample = try await AuditSample()
        let page = try await sample.run("$runner audit report")
        #expect(page.status == 0, "\(page.errors)")
        let document = try parsed(page.output)
        #expect(try document.nodes(forXPath: "//tbody/tr").count == 1 + 3)
    }

    @Test func aRecordThatDoesNotHoldIsToldOnThePageAndByTheStatus() async throws {
        let sample = try await AuditSample()
        try sample.damage(line: 5)
        let page = try await sample.run("$runner audit report")
        #expect(page.status == 65)
        #expect(page.output.contains("<div class=\"verdict bad\">NOT INTACT"))
        #expect(page.output.contains("audit.jsonl, line 5: "))
        #expect(page.output.contains("The log ends here: ") && page.output.hasSuffix("</html>\n"))
        _ = try parsed(page.output)
    }

    @Test func aFileHasItsNameOnlyOnceItIsWhole() async throws {
        let sample = try await AuditSample()
        let folder = sample.path
        let done = try await sample.run("$runner audit report -o \(folder)/report.html")
        #expect(done.status == 0 && done.output.isEmpty, "\(done)")
        let printed = try await sample.run("$runner audit report").output
        let written = try String(contentsOfFile: "\(folder)/report.html", encoding: .utf8)
        let timeless = { (page: String) in page.split(separator: "\n").filter { !$0.contains("Written by runner") } }
        #expect(timeless(written) == timeless(printed))
        let mode = try FileManager.default.attributesOfItem(atPath: "\(folder)/report.html")[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let refused = try await sample.run("$runner audit report -o \(folder)/none/report.html")
        #expect(refused.status == 1 && refused.errors.contains("No such file or directory"))
        #expect(try !FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.hasSuffix(".tmp") })
    }
}
