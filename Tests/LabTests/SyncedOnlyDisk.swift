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

    /// Brings the power back, and cuts it again at the fsync of that number, counted from the beginning of `step` where there is
    /// one; never at 0.
    func cut(at sync: Int, of step: String? = nil) async throws {
        try await set("user.cut-at", "\(sync) \(step ?? "")")
    }

    /// Lets every change fail with `error` from the fsync of that number on; never at 0.
    func fail(with error: Int32, at sync: Int) async throws {
        try await set("user.fail-at", "\(sync) \(error)")
    }

    /// How long each fsync takes, in seconds.
    func delaySyncs(by seconds: Double) async throws {
        try await set("user.delay", "\(seconds)")
    }

    private func set(_ name: String, _ value: String) async throws {
        let statement = "os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())"
        _ = try await Self.attribute(statement, name, value)
    }

    /// How often something was synced since one of the first two was set.
    func syncs() async throws -> Int {
        let number = try await Self.attribute("print(os.getxattr(sys.argv[1], 'user.syncs').decode(), end='')")
        return try #require(Int(number))
    }

    /// The same, by the step that had begun; those before the first step under "".
    func syncsOfSteps() async throws -> [String: Int] {
        let text = try await Self.attribute(
            "print(os.getxattr(sys.argv[1], 'user.syncs-of-steps').decode(), end='')")
        return try JSONDecoder().decode([String: Int].self, from: Data(text.utf8))
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
