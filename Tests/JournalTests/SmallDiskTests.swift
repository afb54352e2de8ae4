import Foundation
import Glibc
import TestSupport
import Testing

@testable import Journal

/// A file system of 64 KiB, really full: the helper runs on it with every number of pages free.
@Suite(.serialized, .enabled(if: canMount), .timeLimit(.minutes(10))) struct SmallDiskTests {
    private static let pages = 16
    private static let page = 4 << 10

    /// Mounts it for as long as `work` takes.
    private func onSmallDisk(_ work: (String) throws -> Void) throws {
        let mount = "\(try Scratch().path)/small"
        mkdir(mount, 0o700)
        let options = "size=\(Self.pages * Self.page),mode=0700"
        #expect(try runToEnd("/usr/bin/mount", ["-t", "tmpfs", "-o", options, "tmpfs", mount]).status == 0)
        defer { umount2(mount, Int32(MNT_DETACH)) }
        try work(mount)
    }

    /// A run of two steps needs 11 pages: with fewer free it stops somewhere, with more it ends.
    @Test func aRunOnADiskThatGetsFullStopsAndGoesOnOnceThereIsSpace() throws {
        var ended: [Int] = []
        // The least that makes a reserve of a page.
        let environment = ["JOURNAL_MINIMUM_FREE": "10"]
        for free in 0...Self.pages {
            try onSmallDisk { mount in
                let filler = try Descriptor("\(mount)/filler", O_WRONLY | O_CREAT)
                try filler.write([UInt8](repeating: 1, count: (Self.pages - free) * Self.page))
                let finished = try runToEnd(helper, ["run", mount], environment: environment)
                let promised = Promises(finished.lines)
                let place = "\(free) pages free"
                try promised.judge(StateDirectory.reading(mount), place)
                if finished.status == 0 {
                    #expect(promised.isDone, "\(place): \(finished.lines)")
                    ended.append(free)
                    return
                }
                let told = finished.lines.first { $0.hasPrefix("error ") } ?? ""
                // Where not even the reserve has space, that is said before anything is tried.
                #expect(told.contains(free == 0 ? "has only 0 KiB free" : "ENOSPC"), "\(place): \(finished.lines)")
                #expect(told.contains("free space"), "\(place): \(finished.lines)")
                try filler.truncate(to: 0)
                try promised.goOn(in: mount, place, environment: environment)
            }
        }
        #expect(ended == Array(11...Self.pages))
        survived(
            "a file system of 64 KiB full after any number of pages", times: Self.pages + 1 - ended.count,
            oracle: "what was promised is there, and once there is space the run ends, with an intact record")
    }

    /// With what `runner` asks for, 16 MiB, nothing begins there.
    @Test func aDiskThatIsTooSmallIsRefusedBeforeAnything() throws {
        try onSmallDisk { mount in
            let finished = try runToEnd(helper, ["run", mount])
            #expect(finished.status == 1)
            #expect(finished.lines.first?.contains("has only 64 KiB free, and a run needs 16384 KiB") == true)
            #expect(try StateDirectory.reading(mount).runs().isEmpty)
        }
    }
}
