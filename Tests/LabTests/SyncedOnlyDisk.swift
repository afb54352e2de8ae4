import Foundation
import Testing

/// The runner's state directory on a file system that keeps of a power cut what was synced and nothing else.
///
/// Its power is cut at a given fsync; see Tests/power-cut.
struct SyncedOnlyDisk {
    private static let program = Lab.root.appending(path: "Tests/power-cut/power_cut_fs.py").path
    private let serving: Command.Running

    init() async throws {
        serving = try Command([Self.program, Lab.state]).start()
        try await eventually("the file system is mounted") {
            try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8).contains(" \(Lab.state) fuse")
        }
    }

    /// Brings the power back, and cuts it again at the fsync of that number; never at 0.
    func cut(at sync: Int) async throws {
        _ = try await Self.attribute("os.setxattr(sys.argv[1], 'user.cut-at', sys.argv[2].encode())", "\(sync)")
    }

    /// How often something was synced since the power came.
    func syncs() async throws -> Int {
        let number = try await Self.attribute("print(os.getxattr(sys.argv[1], 'user.syncs').decode(), end='')")
        return try #require(Int(number))
    }

    /// Python reaches extended attributes, Swift's Glibc does not.
    private static func attribute(_ statement: String, _ arguments: String...) async throws -> String {
        let python = ["/usr/bin/python3", "-c", "import os, sys; " + statement, Lab.state]
        let result = try await Command(python + arguments).run()
        try #require(result.status == 0, "\(result.error)")
        return result.output
    }

    func remove() async throws {
        let unmounted = try await Command(["/bin/umount", Lab.state]).run()
        try #require(unmounted.status == 0, "\(unmounted.error)")
        let end = try await serving.wait(atMost: .seconds(10))
        #expect(end.status == 0, "\(end.error)")
    }
}
