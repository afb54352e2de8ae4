import ClientKit
import Foundation
import Journal
import Kubernetes
import SSH
import StepKit

/// The heads of audit logs that are stored on the masters and in the modules' Leases.
struct ClusterHeads: Sendable {
    /// The heads.
    private(set) var heads: [WitnessedHead] = []
    /// Which witnesses were read, with what result, for people.
    private(set) var notes: [String] = []

    /// Reads from all masters of `inventory` concurrently; throws if none responds.
    init(
        _ inventory: StepKit.Inventory, of modules: ModuleList = Runner.modules,
        passphrase: @escaping @Sendable (String) async -> Secret?
    ) async throws {
        let hosts = LiveHosts(inventory, observer: IgnoringObserver(), passphrase: passphrase)
        self = try await withCleanup({ await hosts.close() }) {
            var found = ClusterHeads()
            var failures: [any ExplainedError] = []
            var leases: ClusterHeads?
            for (host, result) in await hosts.connect(to: inventory.masters) {
                do {
                    let connection = try result.get()
                    try await withCleanup({ await connection.close() }) {
                        try await found.add(HeadFile(on: connection).read())
                        if leases == nil {
                            leases = try await Self.leases(
                                of: modules,
                                ClusterReader(
                                    shell: connection, kubeconfig: inventory.cluster.kubeconfig,
                                    requestTimeout: inventory.limits.service))
                        }
                    }
                } catch let error as any ExplainedError {
                    failures.append(error)
                    found.notes.append("the heads on \(host.name) were not read: \(error.cause)")
                }
            }
            guard failures.count < inventory.masters.count || leases != nil else {
                throw CombinedFailure("read the heads of audit logs on the masters", failures.withoutRepetitions)
            }
            found.heads += leases?.heads ?? []
            found.notes += leases?.notes ?? ["the Leases could not be read"]
            return found
        }
    }

    private init() {}

    private mutating func add(_ file: (place: String, lines: [HeadLine], unreadable: [Int])) {
        let known = file.lines.compactMap { line in
            WitnessedHead(witness: file.place, run: line.run, head: line.head, origin: line.origin)
        }
        heads += known
        notes.append("compared with \(known.count) heads of \(file.place)")
        let bad = file.unreadable.count + file.lines.count - known.count
        if bad > 0 { notes.append("\(bad) lines of \(file.place) cannot be read") }
    }

    private static func leases(of modules: ModuleList, _ cluster: ClusterReader) async throws -> ClusterHeads {
        var found = ClusterHeads()
        for module in modules.modules {
            guard let lease = try await cluster.lease(ofModule: String(module.number)), let run = lease.runID,
                let head = lease.auditHead
            else { continue }
            let witness = "the Lease of module \(module.number)"
            if let known = WitnessedHead(witness: witness, run: run, head: head) {
                found.heads.append(known)
            } else {
                found.notes.append("\(witness) has record \"\(head)\" of run \"\(run)\", which cannot be read")
            }
        }
        return found
    }
}
