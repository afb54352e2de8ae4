import ClientKit
import Engine
import Foundation
import Glibc
import Journal
import StepKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct FailureTests {
    static let kinds: [(FailureKind, Int32)] = [
        (.failed, 1), (.badInput, 65), (.unreachable, 1), (.noMaster, 69), (.stateNotWritable, 73), (.busy, 75),
        (.refused, 77),
    ]

    @Test(arguments: ["check", "apply", "verify"], kinds)
    func endsTheRunWithTheStatusOfItsKind(_ phase: String, _ expected: (kind: FailureKind, status: Int32)) async throws
    {
        let bench = try Bench()
        bench.world.onFailover { _ in nil }
        bench.world.on("second.\(phase)") { _ in throw failure(expected.kind, "the \(phase) broke") }
        let summary = try await bench.run()
        let error = try #require(summary.failure)
        #expect(error.exitStatus == expected.status)
        #expect(error.message.contains("the \(phase) broke"))
        #expect((summary.inPlace, summary.applied) == (0, 1))
        let phases = ["check", "apply", "verify"]
        let done = phases.prefix { $0 != phase } + [phase]
        #expect(bench.world.stepCalls == phases.map { "first.\($0)" } + done.map { "second.\($0)" })
        #expect(bench.world.calls.suffix(2) == ["releaseLease", "close"])
        let outcome = try bench.outcome()
        #expect(outcome.result == .failed)
        #expect(outcome.exitCode == expected.status)
        #expect(outcome.step == "second")
        #expect(outcome.error == error.message)
        #expect(try bench.checkpoints() == ["first applied"])
        #expect(try bench.records().contains("step.end second failed"))
        #expect(bench.events.lines.contains("second failed"))
        try bench.expectIntact()
    }

    @Test func anErrorNobodyForesawIsAFailure() async throws {
        let bench = try Bench()
        bench.world.on("first.apply") { _ in throw Late(what: "the moon") }
        let summary = try await bench.run()
        let error = try #require(summary.failure)
        #expect(error.message.contains("the moon"))
        #expect(error.exitStatus == 1)
        #expect(try bench.outcome().result == .failed)
    }

    @Test func givesUpALostHostAndBeginsTheStepAgainFromItsCheck() async throws {
        let bench = try Bench()
        bench.world.onFailover { error in
            error.kind == .unreachable ? "k8s-master-01 no longer responds, continuing through k8s-master-02" : nil
        }
        bench.world.on("second.apply") { visit in if visit.number == 1 { throw failure(.unreachable) } }
        let summary = try await bench.run()
        #expect(summary.failure == nil)
        #expect(summary.applied == 3)
        #expect(
            bench.world.stepCalls.filter { $0.hasPrefix("second") } == [
                "second.check", "second.apply", "second.check", "second.apply", "second.verify",
            ])
        #expect(bench.world.count("failOver") == 1)
        #expect(bench.events.warnings.count == 1)
        #expect(bench.events.warnings.first?.contains("continuing through k8s-master-02") == true)
        let warning = try #require(try bench.newest().entries().first { $0.kind == .warning })
        #expect(warning.step == "second")
        #expect(warning.text?.contains("k8s-master-01 no longer responds") == true)
        #expect(try bench.checkpoints() == ["first applied", "second applied", "third applied"])
        try bench.expectIntact()
    }

    @Test func aHostThatReturnsAndFailsAgainEachTimeIsGivenUpForGood() async throws {
        let bench = try Bench()
        bench.world.hostsReturn = true
        bench.world.onFailover { [world = bench.world] error in
            guard error.kind == .unreachable else { return nil }
            if world.count("failOver") > 4 { throw failure(.noMaster, "no master is left") }
            return "k8s-master-01 was connected to again"
        }
        bench.world.on("second.check") { _ in throw failure(.unreachable, "the link is gone") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 69)
        #expect(bench.world.count("second.check") == 5)
        #expect(bench.world.returns == [true, true, true, false, false])
        try bench.expectIntact()
    }

    @Test func endsWhenNoMasterIsLeft() async throws {
        let bench = try Bench()
        bench.world.onFailover { _ in throw failure(.noMaster, "no master is left") }
        bench.world.on("second.check") { _ in throw failure(.unreachable, "the link is gone") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 69)
        #expect(summary.failure?.message.contains("no master is left") == true)
        #expect(bench.world.count("second.check") == 1)
        #expect(bench.world.count("third.check") == 0)
        #expect(bench.world.calls.last == "close")
        // The step's end is told and recorded like every other.
        #expect(bench.events.lines.contains("second failed"))
        #expect(try bench.records().contains("step.end second failed"))
        #expect(try bench.outcome().step == "second")
        try bench.expectIntact()
    }

    @Test func lookingDecidesAboutAnUnknownOutcomeAndNothingIsAppliedTwice() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { visit in
            visit.world.settle("second")
            throw failure(.unknownOutcome)
        }
        let summary = try await bench.run()
        #expect(summary.failure == nil)
        #expect(
            bench.world.stepCalls.filter { $0.hasPrefix("second") } == ["second.check", "second.apply", "second.check"])
        #expect(try bench.checkpoints() == ["first applied", "second in place", "third applied"])
        try bench.expectIntact()
    }

    @Test func outcomesThatStayUnknownEndTheRunAfterAFewTries() async throws {
        let bench = try Bench()
        bench.world.on("second.apply") { _ in throw failure(.unknownOutcome, "no trailer came") }
        let summary = try await bench.run()
        #expect(summary.failure?.exitStatus == 1)
        #expect(bench.world.count("second.apply") == 4)
        #expect(bench.world.count("second.check") == 4)
        #expect(bench.world.count("third.check") == 0)
        #expect(try bench.outcome().result == .failed)
        try bench.expectIntact()
    }

    @Test(.enabled(if: TemporaryDisk.isPossible, "needs root and a file system to mount"))
    func aFullStateDirectoryForbidsTheNextChange() async throws {
        var bench = try Bench()
        let disk = try TemporaryDisk(at: "\(bench.scratch.path)/small", kilobytes: 1024)
        bench.state = try StateDirectory.prepare("\(disk.path)/state", minimumFree: 1 << 18)
        // More words than the last page of the log has room for.
        bench.world.finds([Change(String(repeating: "mend it ", count: 2048), .proved)], in: "second")
        bench.world.on("second.check") { _ in try disk.fill() }
        let summary = try await bench.run()
        guard case .failed(let error) = try #require(summary.failure) else {
            Issue.record("it failed otherwise: \(summary)")
            return
        }
        #expect(error.kind == .stateNotWritable)
        #expect(error.cause.contains("ENOSPC"))
        #expect(summary.failure?.exitStatus == 73)
        #expect(bench.world.stepCalls == ["first.check", "first.apply", "first.verify", "second.check"])
        #expect(bench.world.calls.last == "close")
        // The reserve was kept for this: the failure itself is on the disk.
        #expect(try bench.outcome().exitCode == 73)
        #expect(try bench.checkpoints() == ["first applied"])
        try bench.expectIntact()
        try disk.free()
        bench.world.calm("second.check")
        #expect(try await bench.resume().failure == nil)
        try bench.expectIntact()
    }
}

/// A small file system that can be filled; unmounted with the value.
final class TemporaryDisk: Sendable {
    let path: String
    private var filler: String { "\(path)/filler" }

    init(at path: String, kilobytes: Int) throws {
        self.path = path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k,mode=700") == 0 else { throw Late(what: "a mount") }
    }

    deinit {
        if umount2(path, Int32(MNT_DETACH)) != 0 { print("still mounted: \(path)") }
    }

    /// Leaves no page free.
    func fill() throws {
        // The handle closes itself: a second close would hit whatever another test has opened meanwhile.
        let file = try #require(FileHandle(forWritingAtPath: try made(filler)))
        let page = [UInt8](repeating: 0x20, count: 4096)
        while write(file.fileDescriptor, page, page.count) > 0 {}
        withExtendedLifetime(file) {}
    }

    func free() throws { try FileManager.default.removeItem(atPath: filler) }

    private func made(_ path: String) throws -> String {
        try #require(FileManager.default.createFile(atPath: path, contents: nil))
        return path
    }

    static let isPossible: Bool = {
        guard geteuid() == 0 else { return false }
        let path = NSTemporaryDirectory() + "mount-\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else { return false }
        defer { rmdir(path) }
        guard mount("tmpfs", path, "tmpfs", 0, "size=64k") == 0 else { return false }
        return umount2(path, 0) == 0
    }()
}
