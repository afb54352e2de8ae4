import ClientKit
import Foundation
import TestSupport
import Testing

@testable import Journal
@testable import RunnerCommands

/// `audit verify` and the archive's verify.sh judge the same content alike, whatever was done to it.
@Suite(.timeLimit(.minutes(20))) struct VerdictsTests {
    private enum Edit: CaseIterable {
        case flip, cut, remove, insert, swap, double, extend, zero, carriageReturn, byteOrderMark, noLastNewline, empty
        case blankLine, lineRemoved, lineDoubled, lineMoved, escape, space, number, digit, capitals, otherFile

        /// Nil where there is nothing of that kind to change.
        func apply(
            to bytes: [UInt8], or other: [UInt8], with numbers: inout SeededNumbers
        ) -> [UInt8]? {
            let place = Int.random(in: 0..<bytes.count, using: &numbers)
            let (before, after) = (Array(bytes[..<place]), Array(bytes[place...]))
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            let line = Int.random(in: 0..<lines.count, using: &numbers)
            let target = Int.random(in: 0..<lines.count, using: &numbers)
            func first(_ fits: (UInt8) -> Bool) -> Int? { bytes.indices.first { $0 >= place && fits(bytes[$0]) } }
            func replacing(_ index: Int?, _ with: (UInt8) -> [UInt8]) -> [UInt8]? {
                index.map { bytes[..<$0] + with(bytes[$0]) + bytes[($0 + 1)...] }
            }
            func joined() -> [UInt8] { Array(lines.joined(separator: [UInt8(ascii: "\n")])) }
            switch self {
            case .flip: return replacing(place) { [$0 ^ (1 << UInt8.random(in: 0..<8, using: &numbers))] }
            case .cut: return before
            case .remove: return before + after.dropFirst(Int.random(in: 1...40, using: &numbers))
            case .insert: return before + [UInt8.random(in: 0...255, using: &numbers)] + after
            case .swap: return before + after.prefix(2).reversed() + after.dropFirst(2)
            case .double: return before + after.prefix(9) + after
            case .extend:
                return bytes + ([[10], [0], [13], [32, 10], Array("{}\n".utf8)].randomElement(using: &numbers) ?? [0])
            case .zero: return before + [0] + after
            case .carriageReturn: return lines.count > 1 ? Array(lines.joined(separator: [13, 10])) : nil
            case .byteOrderMark: return [0xEF, 0xBB, 0xBF] + bytes
            case .noLastNewline: return bytes.last == 10 ? bytes.dropLast() : nil
            case .empty: return []
            case .blankLine: lines.insert([], at: line)
            case .lineRemoved: lines.remove(at: line)
            case .lineDoubled: lines.insert(lines[line], at: target)
            case .lineMoved: lines.insert(lines.remove(at: line), at: min(target, lines.count))
            case .escape:
                let letter = first { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
                return replacing(letter) { Array(("\\u00" + String($0, radix: 16)).utf8) }
            case .space: return replacing(first { $0 == UInt8(ascii: ",") }) { [$0, 32] }
            case .number:
                let end = first { $0 == UInt8(ascii: ",") }.flatMap { (48..<58).contains(bytes[$0 - 1]) ? $0 : nil }
                return place > 0 ? replacing(end) { Array("e0".utf8) + [$0] } : nil
            case .digit: return replacing(first { (48..<58).contains($0) }) { [$0 == 57 ? 48 : $0 + 1] }
            case .capitals: return replacing(first { (97...102).contains($0) }) { [$0 - 32] }
            case .otherFile: return other
            }
            return joined()
        }
    }

    @Test func bothRefuseWhateverWasEdited() async throws {
        var numbers = SeededNumbers()
        let signed = try await SignedRun()
        let exported = try await Exported(signed, shell: Exported.shells[0])
        #expect(try await signed.verify().holds)
        #expect(try await exported.verify(allowed: signed.allowed).status == 0)
        let files = try exported.files
        var edits = 0
        while edits < (isThorough ? 200 : 80) {
            let kind = Edit.allCases[edits % Edit.allCases.count]
            let name = Bool.random(using: &numbers) ? "audit.jsonl" : files.randomElement(using: &numbers)!
            let path = "\(signed.run.path)/\(name)"
            let before = try #require(try Disk.read(path))
            let other = try #require(try Disk.read("\(signed.run.path)/\(files.randomElement(using: &numbers)!)"))
            guard let after = kind.apply(to: before, or: other, with: &numbers), after != before else {
                if [.number, .carriageReturn, .noLastNewline].contains(kind) { edits += 1 }
                continue
            }
            edits += 1
            for place in [path, exported.file(name)] { try Data(after).write(to: URL(filePath: place)) }
            let report = try await signed.verify()
            let answer = try await exported.verify(allowed: signed.allowed)
            #expect(
                !report.holds && report.findings.contains { $0.file == name },
                "\(numbers.seed), \(kind) of \(name): \(report.findings)")
            // The last line announces the signature of the one before, and nothing but that signature tells of it.
            let isWithoutLast = name == "audit.jsonl" && kind == .lineRemoved && before.starts(with: after)
            let signature = "run/signatures/\(after.count { $0 == 10 }).json: it is foreign: no line announces it"
            #expect(
                answer.status == (name == "audit.jsonl" && after.isEmpty ? 2 : 1)
                    && (answer.output.contains("run/\(name)")
                        || isWithoutLast && answer.output.contains(signature)),
                "\(numbers.seed), \(kind) of \(name): \(answer)")
            for place in [path, exported.file(name)] { try Data(before).write(to: URL(filePath: place)) }
        }
        #expect(try await signed.verify().holds)
    }
}
