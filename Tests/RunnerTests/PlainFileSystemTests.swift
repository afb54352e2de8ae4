import DataServers
import Foundation
import Glibc
import Journal
import TestSupport
import Testing

/// A state directory on a file system that cannot reserve space: as NFS before its version 4.2, and what FUSE mounts.
@Suite(.timeLimit(.minutes(20))) struct PlainFileSystemTests {
    @Test func runsBeginThereOneAfterTheOther() async throws {
        let platform = try await SilentPlatform(limit: 1)
        let program = Shipped.folder.appending(path: "Tests/power-cut/power_cut_fs.py").path
        try runTool([program, platform.state.path, "--background"])
        defer { umount2(platform.state.path, Int32(MNT_DETACH)) }
        for _ in 1...2 {
            let run = try platform.start(["run", "11"])
            // Nobody answers, and that is all that is wrong.
            #expect(await run.wait() == 69, "\(run.told)")
        }
        let verified = try await platform.runner("audit", "verify")
        #expect(verified.status == 0, "\(verified.output)")
    }
}
