import ClientKit
import Foundation
import Journal
import Kubernetes
import SSH
import StepKit

/// The heads of audit logs that the masters and the modules' Leases have.
struct ClusterHeads: Sendable {
    /// What they know.
    private(set) var heads: [WitnessedHead] = []
    /// Who was asked, and with what result, in words.
    private(set) var notes: [String] = []

    /// Asks all masters of `inventory` concurrently; throws where none answers.
    init(_ inventory: StepKit.Inventory, passphrase: @escaping @Sendable (String) async -> Secret?) async throws {
        let hosts = LiveHosts(inventory, observer: IgnoringObserver(), passphrase: passphrase)
        self = try await withCleanup({ await hosts.close() }) {
            var found = ClusterHeads()
            var failures: [any ExplainedError] = []
            var lease: [WitnessedHead]?
            for (host, result) in await hosts.connect(to: inventory.masters) {
                do {
                    let connection = try result.get()
                    try await withCleanup({ await connection.close() }) {
                        try await found.add(HeadFile(on: connection).read())
                        if lease == nil {
                            lease = try await Self.leases(
                                ClusterReader(shell: connection, kubeconfig: inventory.cluster.kubeconfig))
                        }
                    }
                } catch let error as any ExplainedError {
                    failures.append(error)
                    found.notes.append("\(host.name) was not asked to the end: \(error.cause)")
                }
            }
            guard failures.count < inventory.masters.count || lease != nil else {
                throw CombinedFailure("ask the masters for heads of audit logs", failures.withoutRepetitions)
            }
            found.heads += lease ?? []
            if lease == nil { found.notes.append("the Leases could not be read") }
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

    private static func leases(_ cluster: ClusterReader) async throws -> [WitnessedHead] {
        var heads: [WitnessedHead] = []
        for module in Runner.modules.modules {
            guard let lease = try await cluster.lease(ofModule: String(module.number)), let run = lease.runID,
                let head = lease.auditHead,
                let known = WitnessedHead(witness: "the Lease of module \(module.number)", run: run, head: head)
            else { continue }
            heads.append(known)
        }
        return heads
    }
}
