import ClientKit
import Foundation
import Glibc
import Testing

@testable import Journal

@Suite(.serialized, .enabled(if: canMount)) struct DiskFullTests {
    @Test func aFullDiskStopsTheRunAndTheReserveRecordsWhy() async throws {
        let scratch = try Scratch()
        let mount = "\(scratch.path)/small"
        mkdir(mount, 0o700)
        #expect(
            try runToEnd("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", mount]).status == 0)
        defer { umount2(mount, Int32(MNT_DETACH)) }
        let state = try StateDirectory.prepare(mount, minimumFree: 160 << 10)
        #expect(state.warnings == [.volatile(fileSystem: "tmpfs")])
        let journal = try await newRun(in: state)
        try await journal.beginStep(allSteps[0])
        var failure: JournalError?
        do {
            for _ in 0..<1000 {
                try await journal.play(activity(effect: .change), output: [String(repeating: "output\n", count: 500)])
            }
        } catch let error as JournalError {
            failure = error
        }
        let error = try #require(failure)
        #expect(error.kind == .stateNotWritable)
        #expect(error.code == ENOSPC)
        #expect(error.cause == "No space left on device (ENOSPC)")
        #expect(error.remedy.contains("free space"))
        #expect(access("\(mount)/reserve", F_OK) != 0)

        try await journal.failStep(allSteps[0], error: error.description)
        try await journal.finish(.failed, exitCode: 73, error: error.description)
        let run = try #require(try state.newestUnfinishedRun(module: "11"))
        #expect(try run.outcome().content?.exitCode == 73)
        #expect(try AuditVerifier(state).verify(run).findings.map(\.description) == [])
    }

    @Test func aCommandIsNotSentWhenItsRecordFindsNoSpace() async throws {
        let scratch = try Scratch()
        let mount = "\(scratch.path)/small"
        mkdir(mount, 0o700)
        #expect(
            try runToEnd("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", mount]).status == 0)
        defer { umount2(mount, Int32(MNT_DETACH)) }
        let state = try StateDirectory.prepare(mount, minimumFree: 40 << 10)
        let journal = try await newRun(in: state)
        let lines = try journal.reader.entries().count
        let filler = try Descriptor("\(mount)/filler", O_WRONLY | O_CREAT)
        #expect(throws: JournalError.self) { try filler.write([UInt8](repeating: 1, count: 1 << 20)) }
        // Records of a page each: the log's last page may have room for a small one.
        let big = activity(["kubectl", String(repeating: "x", count: 9000)], effect: .change)
        await #expect(throws: JournalError.self) { try await journal.willBegin(big) }
        #expect(try journal.reader.entries().count == lines)
        try filler.truncate(to: 0)
        try await journal.play(big)
        #expect(try journal.reader.entries().count == lines + 2)
    }
}
