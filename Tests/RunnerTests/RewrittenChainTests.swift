import ClientKit
import Foundation
import Testing

@testable import Journal
@testable import RunnerCommands

/// A whole chain that somebody without the key wrote anew: what no runner writes is refused by both verifiers, whether or
/// not signatures are asked for.
@Suite(.timeLimit(.minutes(20))) struct RewrittenChainTests {
    private typealias Edit = (name: String, status: Int32, edit: (String) -> String)

    private static var edits: [Edit] {
        [
            ("a key twice, beside a blank", 1, { $0.twice.replacing("\"run\":", with: "\"run\" :") }),
            ("a blank", 1, { $0.replacing(",\"run\":", with: ", \"run\":") }),
            ("a byte order mark", 1, { "\u{FEFF}\($0)" }),
            ("not a number", 1, { $0.adding("nan") }), ("a number of a program's own", 1, { $0.adding("01") }),
            ("a fraction", 1, { $0.adding("1.0") }), ("an exponent", 1, { $0.adding("1e999") }),
            ("too large a number", 1, { $0.adding("9223372036854775807") }),
            ("deep", 1, { $0.adding(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) }),
            ("a later format", 2, { $0.replacing("\"v\":3", with: "\"v\":4") }),
            ("an earlier format after it", 1, { $0.replacing("\"v\":3", with: "\"v\":2") }),
            ("no kind", 1, { $0.replacing(/"kind":"[^"]*"/, with: "\"kind\":\"\"") }),
            ("null as its kind", 1, { $0.replacing(/"kind":"[^"]*"/, with: "\"kind\":null") }),
            ("a file elsewhere", 1, { $0.announcing("../x") }),
            ("no file", 1, { $0.adding("1,\"files\":[7]") }),
            ("a file of a name that no run writes", 1, { $0.announcing("a b") }),
            ("a size below zero", 1, { $0.announcing("x", "-1") }),
        ]
    }
    @Test func bothRefuseWhatNoRunnerWrites() async throws {
        let signed = try await SignedRun()
        var forger = try await signed.forger()
        // A record in the middle of a step, that announces nothing.
        let check = forger.lines.firstIndex { String(decoding: $0, as: UTF8.self).contains("\"step.check\"") }
        let number = try #require(check) + 1
        for (index, (name, status, edit)) in Self.edits.enumerated() {
            try await forger.forge(record: number, .restates) { text in
                let edited = edit(text)
                #expect(edited != text, "\(name)")
                return edited
            }
            do throws(JournalError) {
                #expect(try !AuditVerifier(signed.state).verify(signed.run).isIntact, "audit verify: \(name)")
            } catch {
                #expect(error.kind == .badInput, "audit verify: \(name): \(error)")
            }
            let answer = try await Exported(signed, run: signed.run, shell: Exported.shells[index % 2]).verify()
            #expect(answer.status == status, "\(name): \(answer.output)")
            try forger.restore()
        }
    }

    /// jq reads other bytes than those that are there, and others than it wrote.
    @Test func bytesThatAreNoTextAreRefused() async throws {
        let signed = try await SignedRun()
        let path = "\(signed.run.path)/audit.jsonl"
        let log = try #require(try Disk.read(path))
        let last = try #require(log.dropLast().lastIndex(of: 10)) + 1
        let line = Array(log[last...].dropLast(1 + 64 + 12))
        for bytes: [UInt8] in [[0xFF], [0xED, 0xA0, 0x80], [0xC0, 0xAF]] {
            let content = line + Array(",\"x\":\"".utf8) + bytes + [UInt8(ascii: "\"")]
            let sealed = content + Array(",\"whole\":\"\(SHA256.hash(data: content).hex)\"}\n".utf8)
            try Data(log[..<last] + sealed).write(to: URL(filePath: path))
            #expect(try !AuditVerifier(signed.state).verify(signed.run).isIntact)
            let answer = try await Exported(signed, shell: Exported.shells[0]).verify()
            #expect(answer.status == 1 && answer.output.contains("no UTF-8"), "\(answer.output)")
        }
    }

    /// Somebody who cuts a run off after one of its signatures cannot be told from a power cut: it is never called complete.
    @Test func aRunWithoutAnEndIsNotCalledComplete() async throws {
        let signed = try await SignedRun()
        let path = "\(signed.run.path)/audit.jsonl"
        let log = try #require(try Disk.read(path))
        #expect(try await signed.verify().verdicts.contains("intact, complete, authentic"))
        let lines = log.split(separator: 10).map(Array.init)
        let end = try #require(lines.lastIndex { String(decoding: $0, as: UTF8.self).contains("\"run.end\"") })
        try Data(lines[..<end].joined(separator: [10]) + [10]).write(to: URL(filePath: path))
        for name in try RunTree(signed.run.path).files {
            let kept = lines[..<end].contains { String(decoding: $0, as: UTF8.self).contains("\"path\":\"\(name)\"") }
            if name == "run.json" || name == "audit.jsonl" || kept, name != "outcome.json" { continue }
            try FileManager.default.removeItem(atPath: "\(signed.run.path)/\(name)")
        }
        let list = "\(signed.state.path)/heads.jsonl"
        let heads = try #require(try Disk.read(list)).split(separator: 10).dropLast()
        try Data(heads.joined(separator: [10]) + [10]).write(to: URL(filePath: list))
        let report = try await signed.verify()
        #expect(report.holds && report.verdicts.contains("intact, unfinished, authentic"), "\(report)")
        for allowed in [nil, signed.allowed] {
            let answer = try await Exported(signed, shell: Exported.shells[1]).verify(allowed: allowed)
            #expect(answer.status == 0 && answer.output.contains("intact, unfinished"), "\(answer.output)")
            #expect(!answer.output.contains("complete"))
        }
    }
}

extension String {
    fileprivate var twice: String { replacing("\"kind\":", with: "\"kind\":\"note\",\"kind\":") }

    fileprivate func adding(_ value: String) -> String { "\(self),\"x\":\(value)" }

    fileprivate func announcing(_ path: String, _ bytes: String = "0") -> String {
        "\(self),\"files\":[{\"bytes\":\(bytes),\"path\":\"\(path)\",\"sha256\":\"\(SHA256().finalize().hex)\"}]"
    }
}
