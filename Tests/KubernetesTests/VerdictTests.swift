import Foundation
import Testing

@testable import Kubernetes

/// One file a case in `Fixtures/verdicts`: a namespace as `kubectl get -o json` showed it, and what is to be said about it.
@Suite struct VerdictTests {
    @Test func everyKindOfCaseIsThere() throws {
        #expect(try Fixtures.names(in: "verdicts").count >= 40)
    }

    @Test(arguments: try Fixtures.names(in: "verdicts"))
    func explains(_ name: String) throws {
        let fixture = try Fixtures.json("verdicts/\(name).json")
        let workloadName = try #require(fixture["workload", "name"]?.string)
        let workload: Workload =
            fixture["workload", "kind"]?.string == "Job" ? .job(workloadName) : .deployment(workloadName)

        let verdict = NamespaceSnapshot(fixture["items"]?.elements ?? []).verdict(on: workload)

        #expect(described(verdict, log: fixture["log"]?.string) == fixture["expect"])
    }

    /// A verdict in the notation of the fixtures' `expect`.
    private func described(_ verdict: Verdict, log: String?) -> JSONValue {
        var members: [String: JSONValue] = [:]
        switch verdict {
        case .done(let summary): members["done"] = .string(summary)
        case .waiting(let summary, _): members["waiting"] = .string(summary)
        case .failed: members["failed"] = true
        }
        if var problem = verdict.problem {
            members["log"] = problem.log.map {
                .string("\($0.isPrevious ? "previous " : "")\($0.pod)/\($0.container)")
            }
            if let log { problem = problem.addingLog(log) }
            members["code"] = .string(problem.code.rawValue)
            members["gracePeriod"] = problem.gracePeriod.map { .integer($0.components.seconds) }
            members["summary"] = .string(problem.summary)
            members["remedy"] = .string(problem.remedy)
        }
        return .object(members)
    }
}
