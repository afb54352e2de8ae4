import Foundation
import Testing

extension Platform {
    /// The record verifies, tells how the newest run ended, and has no secret; nor has any file of the nodes.
    static func expectIntactRecord(_ words: String) async throws {
        let verified = try await Lab.runner("audit", "verify")
        #expect(verified.status == 0, "\(words)\n\(verified.output)")
        let hunt = SecretHunt()
        #expect(try hunt.inFiles(of: Lab.state).isEmpty, "\(words)")
        #expect(try await hunt.onNodes().isEmpty, "\(words)")
        let header = try Data(contentsOf: URL(filePath: "\(newestRun())/run.json"))
        let fields = try JSONSerialization.jsonObject(with: header) as? [String: Any]
        let steps = try #require(fields?["steps"] as? [String])
        let lines = try auditLines()
        let ended = lines.filter { $0["kind"] as? String == "step.end" }.compactMap { $0["step"] as? String }
        #expect(Set(ended).isSuperset(of: steps), "\(words)\nthe record tells only of the ends of \(ended)")
        // The signature of the end follows it.
        let end = lines.last { $0["kind"] as? String == "run.end" }
        #expect(end?["exit_code"] as? Int == 0, "\(words)")
    }

    /// Each object of the module is told as missing in a run's record, before it was made.
    static func expectToldObjects() async throws {
        var told: Set<String> = []
        for run in try FileManager.default.contentsOfDirectory(atPath: "\(Lab.state)/runs") where !run.contains(".") {
            for line in try entries(of: run) { told.formUnion(changes(line)) }
        }
        let kinds = "deployments,services,ingresses,configmaps,secrets,poddisruptionbudgets"
        for object in try await Lab.objects("-n", "chatwoot", kinds) {
            let metadata = object["metadata"] as? [String: Any]
            let (kind, name) = (object["kind"] as? String ?? "", metadata?["name"] as? String ?? "")
            // The latter is what a migration notes for the next one.
            if isOfTheCluster(name) || name == "chatwoot-schema" { continue }
            #expect(told.contains("create \(kind) chatwoot/\(name)"), "told: \(told.sorted())")
        }
    }
}
