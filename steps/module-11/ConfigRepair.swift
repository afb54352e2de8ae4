import ClientKit
import Foundation
import Kubernetes
import StepKit

/// Values of the ConfigMap or the Secret that somebody changed or added by hand, and that pods may have started with.
///
/// A pod reads its environment once. Where such values are put back, the environment is again the one that the pods' checksum
/// stands for, and without a mark nothing would replace a pod that started in between. The mark is kept in the ConfigMap and is
/// part of the checksum. It follows from what the cluster holds, so that plan, check and apply find the same one, and it is
/// written together with the values, so that an interrupted run continues from it.
struct ConfigRepair {
    private let site: SiteReader

    init(_ site: SiteReader) {
        self.site = site
    }

    /// `environment` with its mark: the one that the cluster holds, or another where values are to be put back.
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

    /// The same, with the objects that there are.
    static func marking(_ environment: ChatwootEnvironment, in live: [JSONValue]) -> ChatwootEnvironment {
        var marked = environment
        marked.repair =
            live.first { $0["kind"]?.string == "ConfigMap" }?["metadata", "annotations"]?
            .strings[ChatwootNames.repair]
        let foreign = live.reduce(into: [:]) { $0.merge(environment.foreignValues(in: $1)) { _, new in new } }
        // Where the environment itself changes, its pods are replaced anyway.
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
    /// The variables that an object gives another value than it shall, or should not have, by names that are no variables'.
    ///
    /// Without an object no pod could start, so one that is missing gives none.
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
