import ClientKit
import Foundation
import Kubernetes
import StepKit
import TestSupport
import Testing

@testable import Steps

/// Every remedy that names a step of module 11, and the steps that may tell it.
///
/// A step that names only steps before it neither names itself nor leads in a circle, however long the chain of remedies is.
@Suite struct StepNamesInRemediesTests {
    /// A place in the sources that names a step.
    private struct Place: Hashable, Comparable, CustomStringConvertible {
        let file: String
        let named: StepID

        init(_ file: String, _ named: StepID) {
            self.file = file
            self.named = named
        }

        var description: String { "\(file) names \(named)" }
        static func < (left: Place, right: Place) -> Bool { "\(left)" < "\(right)" }
    }

    private static let (firewall, reset) = (FixFirewall.id, ResetDatabase.id)
    private static let (credentials, config) = (SetupCredentials.id, PrepareConfig.id)
    private static let (pull, migrate) = (AddImagePullSecrets.id, RunMigrations.id)
    private static let (deploy, prove) = (DeployChatwoot.id, ProveService.id)

    /// How often each file names a step, and who tells it; nobody where only `runner doctor` does.
    ///
    /// Whoever names a step in another place adds it, after finding out which steps can come to tell it.
    private static let places: [Place: (count: Int, tellers: [StepID])] = [
        // What keeps the pods, the pages and the ingress.
        Place("module-11/page/RequestPath.swift", deploy): (1, [prove]),
        Place("module-11/page/RequestPath+Causes.swift", deploy): (1, [prove]),
        Place("module-11/page/RequestPath+Causes.swift", firewall): (1, [prove]),
        Place("module-11/page/IngressFacts.swift", deploy): (1, [prove]),
        Place("module-11/11_ct_03_tests.swift", deploy): (2, [prove]),
        // What the pods of the migration and of the deployment tell, and what their logs say.
        Place("module-11/PodTroubles.swift", firewall): (2, [migrate, deploy, prove]),
        Place("module-11/PodTroubles.swift", pull): (1, [migrate, deploy]),
        Place("module-11/logs/LogSymptom+Servers.swift", config): (1, [migrate, deploy, prove]),
        // The database.
        Place("module-11/database/DatabaseState+Task.swift", reset): (1, [migrate, deploy, prove]),
        Place("module-11/database/DatabaseState+Task.swift", credentials): (1, [migrate, deploy, prove]),
        Place("module-11/database/DatabaseState+Task.swift", migrate): (1, [deploy, prove]),
        Place("module-11/migrations/MigrationBackup.swift", credentials): (1, [migrate]),
        Place("module-11/migrations/MigrationBackup.swift", reset): (1, [migrate]),
        Place("module-11/ChatwootKeys.swift", reset): (1, [credentials]),
        Place("module-11/Doctor.swift", firewall): (2, []),
    ]

    /// The types that remedies may name; one that is missing here is found where a remedy names it.
    private static let types: [String: StepID] = [
        "FixFirewall": firewall, "ResetDatabase": reset, "SetupCredentials": credentials, "PrepareConfig": config,
        "AddImagePullSecrets": pull, "RunMigrations": migrate, "DeployChatwoot": deploy, "ProveService": prove,
    ]

    private static let folder = Shipped.folder.appending(path: "steps")

    private static func sources() throws -> [(name: String, text: String)] {
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }.map {
            ($0, try String(contentsOf: folder.appending(path: $0), encoding: .utf8))
        }
    }

    /// The steps that the remedies in a source name, as often as they do.
    private static func names(in text: String) throws -> [StepID] {
        let typed = text.matches(of: #/(?:\.run\(from: (\w+)\.self\)|\.(?:step|runFrom)\((\w+)\.id\))/#)
        var found = try typed.map { match in
            let name = String(try #require(match.1 ?? match.2))
            return try #require(types[name], "\(name) is no step of module 11")
        }
        // The one remedy that is kept in a property for all who tell it.
        let shared = text.matches(of: #/\bfirewallRemedy\b(?!: String)/#.wordBoundaryKind(.simple)).count
        found += Array(repeating: firewall, count: shared)
        return found + Array(repeating: reset, count: text.matches(of: #/\.runWithNewDatabase\b/#).count)
    }

    @Test func theListIsComplete() throws {
        var found: [Place: Int] = [:]
        for (name, text) in try Self.sources() {
            for step in try Self.names(in: text) { found[Place(name, step), default: 0] += 1 }
            // A step in a string would be seen by nobody.
            let written = text.matches(of: #/"[^"\n]*--(?:from|only)\b/#)
            #expect(written.isEmpty, "\(name) writes a step's name into a string: use Remedy")
            // Any other way to make such a remedy.
            let others = text.matches(of: #/\.(?:step|runFrom)\((?!\w+\.id\))(?!let )/#)
            #expect(others.count == (name == "module-11/database/DatabaseRefusal.swift" ? 1 : 0), "\(name)")
        }
        let (listed, seen) = (Self.places.mapValues(\.count), found)
        for place in Set(listed.keys).union(seen.keys).sorted() {
            #expect(seen[place] == listed[place], "\(place): say here who tells it")
        }
    }

    @Test func noStepNamesItselfOrALaterOne() throws {
        let order = module11.steps.map(\.id)
        #expect(Set(Self.types.values).isSubset(of: order))
        for (place, entry) in Self.places {
            let named = try #require(order.firstIndex(of: place.named))
            for teller in entry.tellers {
                let told = try #require(order.firstIndex(of: teller))
                #expect(named < told, "\(teller) is told to run from \(place.named), by \(place.file)")
            }
        }
    }

    /// Whatever stands in the file of a step, that step can tell.
    @Test func aStepsOwnFileIsToldByIt() throws {
        let own = try Self.sources().compactMap { name, text in
            text.firstMatch(of: #/struct (\w+): [^{\n]*NamedStep/#).flatMap { Self.types[String($0.1)] }.map {
                (name, $0)
            }
        }
        #expect(Set(own.map(\.1)) == Set(Self.types.values))
        for (name, step) in own {
            for (place, entry) in Self.places where place.file == name {
                #expect(entry.tellers.contains(step), "\(place)")
            }
        }
    }

    /// A Job of an earlier run that cannot end is no reason to send anybody past the reset.
    @Test func aResetNamesNoStepThatWouldMendAnEarlierJob() throws {
        let reader = SiteSample.readable(try SiteSample.inventory())
        let site = SiteWriter(
            reader: reader,
            cluster: ClusterWriter(
                shell: ForbiddenShell(), kubeconfig: "/etc/kubernetes/admin.conf", requestTimeout: .seconds(15)))
        let late = StepFailure(
            "wait", host: "k8s-master-01", cause: "Redis rejects the pods' password",
            remedy: reader.remedy(.run(from: PrepareConfig.self)))
        let told = EarlierMigrations(site, isBeforeReset: true).told(late, of: "chatwoot-migrations-1-1")
        #expect(told.cause == late.cause && told.kind == late.kind && told.host == late.host)
        #expect(!told.remedy.contains("--from"), "\(told.remedy)")
        #expect(told.remedy.contains("delete job chatwoot-migrations-1-1; then `runner resume`"))
        #expect(EarlierMigrations(site).told(late, of: "x").remedy.contains("--from \(PrepareConfig.id)"))
    }
}
