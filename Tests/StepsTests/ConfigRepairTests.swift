import ClientKit
import Foundation
import Kubernetes
import Testing

@testable import StepKit
@testable import Steps

@Suite struct ConfigRepairTests {
    private let site: SiteReader
    private let environment: ChatwootEnvironment

    init() throws {
        site = SiteSample.readable(try SiteSample.inventory())
        environment = ChatwootEnvironment(
            site,
            GeneratedSecrets(
                databasePassword: Secret("DbPass0123456789"), secretKeyBase: Secret(String(repeating: "ab", count: 64)))
        )
    }

    /// What the cluster holds: the objects of `environment` with some values changed by hand, and pods that claim `checksum`.
    private func cluster(
        _ environment: ChatwootEnvironment, plain: [String: Kubernetes.JSONValue?] = [:],
        secret: [String: Kubernetes.JSONValue?] = [:],
        podsOf claimed: ChatwootEnvironment
    ) throws -> [Kubernetes.JSONValue] {
        let deployment: Kubernetes.JSONValue = [
            "kind": "Deployment",
            "spec": ["template": ["metadata": ["annotations": [ChatwootNames.checksum: .string(claimed.checksum)]]]],
        ]
        let objects = environment.manifests(in: site).map { manifest -> Kubernetes.JSONValue in
            var object = manifest.json().members
            let changes = manifest.kind == "ConfigMap" ? plain : manifest.kind == "Secret" ? secret : [:]
            var data = object["data"]?.members ?? [:]
            for (name, value) in changes { data[name] = value }
            object["data"] = .object(data)
            return .object(object)
        }
        return objects + [deployment]
    }

    @Test func nothingIsMarkedWhereAllIsInPlace() throws {
        let marked = ConfigRepair.marking(environment, in: try cluster(environment, podsOf: environment))
        #expect(marked.repair == nil)
        #expect(marked.checksum == environment.checksum)
    }

    @Test func anEmptyClusterHasNothingToRepair() {
        #expect(ConfigRepair.marking(environment, in: []).repair == nil)
    }

    @Test(arguments: ["x", nil] as [String?]) func aValueThatIsPutBackReplacesThePods(_ value: String?) throws {
        let json = value.map { Kubernetes.JSONValue.string($0) }
        let live = try cluster(environment, plain: ["INSTALLATION_ENV": json], podsOf: environment)
        let marked = ConfigRepair.marking(environment, in: live)
        #expect(marked.repair != nil)
        #expect(marked.checksum != environment.checksum)
        #expect(ConfigRepair.marking(environment, in: live).repair == marked.repair)
        let hidden = ConfigRepair.marking(
            environment, in: try cluster(environment, secret: ["REDIS_PASSWORD": json], podsOf: environment))
        #expect(hidden.repair != nil)
        #expect(hidden.repair != marked.repair)
    }

    /// A variable that nobody wants is in the pods' environment until they are replaced.
    @Test func aVariableThatIsTakenAwayReplacesThePods() throws {
        let added = ConfigRepair.marking(
            environment, in: try cluster(environment, plain: ["DATABASE_URL": "x"], podsOf: environment))
        #expect(added.repair != nil)
        let other = ConfigRepair.marking(
            environment, in: try cluster(environment, secret: ["DATABASE_URL": "eA=="], podsOf: environment))
        #expect(other.repair != nil)
        #expect(other.repair != added.repair)
    }

    @Test func theMarkStaysUntilTheNextRepairAndThenChanges() throws {
        let wrong: [String: Kubernetes.JSONValue?] = ["INSTALLATION_ENV": "x"]
        let first = ConfigRepair.marking(environment, in: try cluster(environment, plain: wrong, podsOf: environment))
        // Cut off after the objects were put back: the pods still claim the environment without a mark.
        #expect(ConfigRepair.marking(environment, in: try cluster(first, podsOf: environment)).repair == first.repair)
        #expect(ConfigRepair.marking(environment, in: try cluster(first, podsOf: first)).repair == first.repair)
        // The same hand, the same value, once more.
        let second = ConfigRepair.marking(environment, in: try cluster(first, plain: wrong, podsOf: first))
        #expect(second.repair != nil)
        #expect(second.repair != first.repair)
    }

    @Test func anEnvironmentThatChangesAnywayNeedsNoMark() throws {
        let before = ChatwootEnvironment(
            SiteSample.readable(
                try SiteSample.inventory([(#""installationName": "KeyBuzz""#, #""installationName": "B""#)])),
            GeneratedSecrets(
                databasePassword: Secret("DbPass0123456789"), secretKeyBase: Secret(String(repeating: "ab", count: 64)))
        )
        #expect(ConfigRepair.marking(environment, in: try cluster(before, podsOf: before)).repair == nil)
    }

    /// As where a run that replaced it, for it was immutable, was cut off after the deletion.
    @Test(arguments: ["ConfigMap", "Secret"])
    func whatADeletedObjectGaveThePodsIsUnknown(kind: String) throws {
        let live = try cluster(environment, podsOf: environment).filter { $0["kind"]?.string != kind }
        let marked = ConfigRepair.marking(environment, in: live)
        #expect(marked.repair != nil)
        // Cut off again, before the pods were replaced.
        let recreated = try cluster(marked, podsOf: environment)
        #expect(ConfigRepair.marking(environment, in: recreated).repair == marked.repair)
        let without = live.filter { $0["kind"]?.string != "Deployment" }
        #expect(ConfigRepair.marking(environment, in: without).repair == nil)
    }
}
