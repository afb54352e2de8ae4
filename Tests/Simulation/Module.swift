import ClientKit
import Engine
import SplitMix

@testable import StepKit

extension World {
    /// Three steps: two objects, a secret that is made once, and two objects again.
    var module: Module {
        Module(
            number: 11, summary: "objects that are counted",
            application: { _ in Application(namespace: "simulated") },
            steps: [
                CountingStep(id: "first", world: self), KeptSecret(world: self),
                CountingStep(id: "third", world: self),
            ],
            orderNote: "as written", preflight: { _ in [] }, diagnose: { _ in [] },
            evidence: { _ in [Evidence("objects.txt", "all of them")] })
    }

    fileprivate func has(_ object: String) async throws -> Bool {
        try await send("look for \(object)", .read) { $0.exists(object) }
    }

    fileprivate func make(_ object: String) async throws {
        try await send("make \(object)", .change) { state in
            state.requireLease(for: object)
            if state.exists(object) { state.wrongs.append("\(object) was made twice") }
            state.made[object, default: 0] += 1
        }
    }
}

extension World.State {
    func exists(_ object: String) -> Bool { made[object, default: 0] > removed[object, default: 0] }

    fileprivate mutating func requireLease(for change: String) {
        if lease?.holder != .life(life) || lease.map({ $0.end <= now }) != false {
            wrongs.append("\(change) was made without the lease")
        }
        if observer?.fence?.number != number {
            wrongs.append("\(change) had number \(observer?.fence?.number ?? -1) where \(number) was given last")
        }
    }
}

/// Makes its objects, those that its check found missing.
private struct CountingStep: Step {
    let id: StepID
    let summary = "two objects"
    let world: World

    func check(_ site: SiteReader) async throws -> Finding {
        var missing: [Change] = []
        for object in World.objects(of: id) where try await !world.has(object) {
            missing.append(Change(object, .proved))
        }
        return Finding(changes: missing)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        if world.state.withLock({ $0.finished.contains(id.rawValue) }) { world.wrong("\(id) is done again") }
        site.reader.reporter.notes("how to undo \(id)")
        for change in changes { try await world.make(change.summary) }
    }

    func verify(_ site: SiteReader) async throws {
        for object in World.objects(of: id) where try await !world.has(object) {
            throw StepFailure("prove \(id)", cause: "\(object) is missing", remedy: "report this")
        }
    }
}

/// Makes a secret, which is in the credentials file before the cluster has it.
struct KeptSecret: Step {
    static let file = GeneratedFile(
        name: "kept.env", secretName: "kept",
        secrets: [GeneratedSecret(entry: "KEY", variable: "KEY", form: .hexadecimalKey)])

    let id: StepID = "second"
    let summary = "a secret that is made once"
    let world: World

    private func store() throws -> GeneratedSecretsStore {
        guard let secrets = world.state.withLock({ $0.secrets }) else { throw Ended() }
        return secrets
    }

    private func find() async throws -> GeneratedSecretsStore.Found {
        try await store().find(Self.file) { try await inCluster().map { ["KEY": $0] } }
    }

    private func inCluster() async throws -> Secret? {
        try await world.send("look for the secret", .read) { $0.secret.map { Secret($0) } }
    }

    func check(_ site: SiteReader) async throws -> Finding {
        let found = try await find()
        var changes: [Change] = []
        if !found.fileIsCurrent { changes.append(Change("write the file", .predicted)) }
        if try await inCluster() == nil { changes.append(Change("make the secret", .predicted)) }
        return Finding(changes: changes)
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        let secrets = try await store().complete(find())
        let value = secrets[Self.file.secrets[0]].reveal()
        try await world.send("put the secret", .change) { state in
            state.requireLease(for: "the secret")
            if let other = state.secret, other != value { state.wrongs.append("the secret is another") }
            state.secret = value
        }
    }

    func verify(_ site: SiteReader) async throws {
        guard try await inCluster() == find()[Self.file.secrets[0]] else {
            throw StepFailure("prove \(id)", cause: "the secrets differ", remedy: "report this")
        }
    }
}
