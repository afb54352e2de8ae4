import Foundation
import Testing

/// A second module runs with no line outside its folder: `Tests/SecondModule` is `runner` with one more in its list.
extension RehearsalTests {
    @Test func aSecondModuleNeedsNothingButItsFolder() async throws {
        let namespace = "rehearsal-12"
        try await Lab.call("kubectl", "delete", "namespace", namespace, "--ignore-not-found")
        // The state directory of the other rehearsals would hold their runs of module 11.
        let folder = FileManager.default.temporaryDirectory.appending(path: "second-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do {
                try FileManager.default.removeItem(at: folder)
            } catch {
                Issue.record("left behind: \(folder.path): \(error)")
            }
        }
        let inventory = folder.appending(path: "inventory.json").path
        let state = folder.appending(path: "state").path
        func second(_ arguments: String...) async throws -> Command.Result {
            let program = Lab.root.appending(path: ".build/debug/SecondModule").path
            return try await Command([Lab.command, "run", program] + arguments).run()
        }
        try Self.write(["text": "rehearsal"], to: inventory)
        let refused = try await second("plan", "12", "--inventory", inventory)
        #expect(refused.status == 65)
        #expect(refused.error.contains("notice.text: must say more than the platform's name"))

        try Self.write(["text": "closed on Sundays"], to: inventory)
        let listed = try await second("steps")
        #expect(listed.output.split(separator: "\n").map { $0.prefix(2) } == ["11", "12"])
        let ill = try await second("doctor", "12", "--inventory", inventory)
        #expect(ill.status == 1)
        #expect(ill.output.contains("`runner run 12` does it"))
        let plan = try await second("plan", "12", "--detailed-exitcode", "--inventory", inventory)
        #expect(plan.status == 2, "\(plan.error)")
        #expect(plan.output.contains("create ConfigMap rehearsal-12/notice"))

        let run = try await second("run", "12", "--inventory", inventory, "--state-dir", state)
        #expect(run.status == 0, "\(run.error)")
        let notice = try await Lab.objects("-n", namespace, "configmap/notice").first?["data"]
        #expect(notice as? [String: String] == ["text": "closed on Sundays"])
        let lease = try await Lab.objects("-n", "default", "lease/keybuzz-runner-12")
        #expect(lease.count == 1)
        let again = try await second("run", "12", "--inventory", inventory, "--state-dir", state)
        #expect(again.error.contains("0 applied, 2 in place"), "\(again.error)")
        #expect(try await second("audit", "verify", "--state-dir", state).status == 0)
        #expect(
            try await second("resume", "--inventory", inventory, "--state-dir", state).output
                .hasPrefix("nothing to resume: there is no unfinished run"))
        let well = try await second("doctor", "12", "--inventory", inventory)
        #expect(well.status == 0, "\(well.output)")

        // Where the inventory has no section for it, the module is refused, and module 11 is not.
        let lab = Self.lab.path
        let absent = try await second("plan", "12", "--inventory", lab)
        #expect(absent.status == 65)
        #expect(absent.error.contains("notice: is missing; module 12 needs it"))
        #expect(try await second("inventory", "check", "--inventory", lab).status == 0)
        try await Lab.call("kubectl", "delete", "namespace", namespace)
    }

    private static let lab = Lab.root.appending(path: "Tests/lab/inventory.json")

    /// The lab's inventory with a section for module 12.
    private static func write(_ notice: [String: String], to path: String) throws {
        let text = try Data(contentsOf: lab)
        var inventory = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        inventory["notice"] = notice
        try JSONSerialization.data(withJSONObject: inventory, options: .prettyPrinted)
            .write(to: URL(filePath: path))
    }
}
