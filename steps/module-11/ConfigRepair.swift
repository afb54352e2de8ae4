import ClientKit
import Foundation
import Kubernetes
import StepKit

/// Values of the ConfigMap or the Secret that somebody changed or added by hand, and that pods may
/// have started with, also where the object is gone by now.
///
/// A pod reads its environment once. When such values are restored, the environment matches the
/// pods' checksum again, and without a mark nothing would replace a pod that started in between.
/// The mark is stored in the ConfigMap and is part of the checksum. It is derived from the
/// cluster's objects, so that plan, check and apply compute the same one, and it is written
/// together with the values, so that an interrupted run continues from it.
struct ConfigRepair {
    private let site: SiteReader

    init(_ site: SiteReader) {
        self.site = site
    }

    /// `environment` with its mark: the one in the cluster, or a new one if values have to be
    /// restored.
    func marking(_ environment: ChatwootEnvironment) async throws -> ChatwootEnvironment {
        let namespace = site.inventory.chatwoot.namespace
        func reference(_ kind: String, _ name: String, in apiVersion: String = "v1") -> ObjectReference {
            ObjectReference(apiVersion: apiVersion, kind: kind, namespace: namespace, name: name)
        }
        let live = try await site.cluster.get([
            reference("ConfigMap", ChatwootNames.configMap), reference("Secret", ChatwootNames.secret),
            reference("Deployment", ChatwootNames.web, in: "apps/v1"),
            reference("Deployment", ChatwootNames.worker, in: "apps/v1"),
        ])
        return Self.marking(environment, in: live)
    }

    /// The same, from the existing objects.
    static func marking(_ environment: ChatwootEnvironment, in live: [JSONValue]) -> ChatwootEnvironment {
        var marked = environment
        marked.repair =
            live.first { $0["kind"]?.string == "ConfigMap" }?["metadata", "annotations"]?
            .strings[ChatwootNames.repair]
        var foreign = live.reduce(into: [:]) { $0.merge(environment.foreignValues(in: $1)) { _, new in new } }
        // Nobody knows what a deleted one had in it, and what was to be replaced is deleted first. A pod starts with both.
        for kind in ["ConfigMap", "Secret"] where !live.contains(where: { $0["kind"]?.string == kind }) {
            foreign["==\(kind)"] = "deleted"
        }
        // If the environment itself changes, the pods are replaced anyway.
        let isClaimed = live.contains { object in
            object["spec", "template", "metadata", "annotations"]?.strings[ChatwootNames.checksum] == marked.checksum
        }
        guard !foreign.isEmpty, isClaimed else { return marked }
        marked.repair = String(
            environment.digest(foreign.merging(["": marked.repair ?? ""]) { _, own in own }).prefix(16))
        return marked
    }
}

extension ChatwootEnvironment {
    /// The variables to which an object gives the wrong value, or which it should not have, under
    /// names that are not those of variables.
    fileprivate func foreignValues(in object: JSONValue) -> [String: String] {
        let wanted: [String: String]
        switch object["kind"]?.string {
        case "ConfigMap": wanted = plain
        case "Secret": wanted = secret.mapValues { Data($0.reveal().utf8).base64EncodedString() }
        default: return [:]
        }
        let found = object["data"]?.strings ?? [:]
        return Dictionary(
            uniqueKeysWithValues: Set(wanted.keys).union(found.keys).filter { found[$0] != wanted[$0] }
                .map { ("=\($0)", found[$0] ?? "=") })
    }
}
