import ClientKit
import EmptySite
import Engine
import Foundation
import Glibc
import StepKit

struct PlatformProvider: SiteProvider {
    let platform: Platform
    let inventory: Inventory

    func open(observer: any ActivityObserver) async throws -> any OpenSite {
        platform.observer.withLock { $0 = observer }
        return PlatformSite(platform: platform, inventory: inventory)
    }
}

/// The platform while it is connected: its lease is a file that names the process.
struct PlatformSite: OpenSite {
    let platform: Platform
    let inventory: Inventory

    func site(reporter: Reporter) async -> SiteWriter {
        EmptySite.writer(for: platform.module, inventory: inventory, reporter: reporter)
    }

    func failOver(after error: any ExplainedError, mayReturn: Bool) async throws -> Failover? { nil }
    func observeLease(for run: String) async throws -> (lastTurn: LeaseTurn?, isHeld: Bool, isThere: Bool) {
        (nil, false, true)
    }
    func witnesses() -> [any HeadWitness] { [] }

    private var lease: URL { URL(filePath: "\(platform.path)/lease") }

    func takeLease(run: String, step: String?) async throws -> LeaseTaking {
        guard let own = ProcessIdentity.current() else { throw refusal("nobody knows this process") }
        var before: String?
        if platform.has("lease") {
            let text = try String(contentsOf: lease, encoding: .utf8)
            guard ProcessIdentity(text)?.isGone == true else { throw refusal("\(text) holds it") }
            before = text
        }
        try await platform.change("take the lease") {
            try Data(own.description.utf8).write(to: lease, options: .atomic)
        }
        return LeaseTaking(takenOverFrom: before, duration: .seconds(60), number: 1)
    }

    func renewLease(step: String?, auditHead: String) async throws {}

    func releaseLease(auditHead: String) async throws {
        try await platform.change("release the lease") { try FileManager.default.removeItem(at: lease) }
    }

    func releaseLease(takenFor run: String) async throws {
        let own = ProcessIdentity.current()?.description
        guard platform.has("lease"), try String(contentsOf: lease, encoding: .utf8) == own else { return }
        try await releaseLease(auditHead: "")
    }

    func close() async {}

    private func refusal(_ cause: String) -> StepFailure {
        StepFailure("take the lease", cause: cause, remedy: "wait", kind: .busy)
    }
}
