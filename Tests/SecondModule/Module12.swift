import Kubernetes
import StepKit

/// Module 12, a notice in a ConfigMap: a module of two small steps, for tests.
let module12 = Module(
    number: 12, summary: "a notice board", section: NoticeSettings.self,
    application: { Application(namespace: $0.notice.namespace) },
    steps: [PublishNotice(), ProveNotice()],
    orderNote: "What is published is then checked.",
    preflight: { _ in [] },
    diagnose: { site in
        do {
            let missing = try await PublishNotice().check(site).changes
            guard let first = missing.first else { return [.ok("notice", "says what the inventory does")] }
            return [
                .failed("notice", "drifted: \(first.summary)", remedy: site.remedy("\(.run) does it"))
            ]
        } catch {
            return [.failed("notice", "\(error)", remedy: site.remedy(.doctor))]
        }
    },
    evidence: { _ in [] })

extension Inventory {
    /// What the notice says, and where.
    var notice: NoticeSettings { section() }
}

/// Module 12's section of the inventory.
struct NoticeSettings: InventorySection {
    static let key = "notice"
    static let importedKeys = [ImportedKey("notice.text", hint: "what the notice says")]

    /// The namespace of everything that is made.
    let namespace: String
    /// What the notice says.
    let text: String

    init(_ reader: ObjectReader) {
        namespace = reader.value("namespace", .label, default: "rehearsal-12")
        text = reader.value("text", .line)
    }

    func check(against inventory: Inventory, _ session: ReadingSession) {
        if text == inventory.name { session.report("notice.text", "must say more than the platform's name") }
    }
}

/// Makes the namespace and the notice.
struct PublishNotice: ObjectStep, NamedStep {
    static let id: StepID = "12_nb_00_publish"
    let summary = "namespace and notice"

    func desired(_ site: SiteReader) async throws -> [any Manifest] {
        let namespace = site.application.namespace
        return [
            Namespace(metadata: ObjectMeta(name: namespace)),
            ConfigMap(
                metadata: ObjectMeta(name: "notice", namespace: namespace),
                data: ["text": site.inventory.notice.text]),
        ]
    }
}

/// Proves that the notice can be read.
struct ProveNotice: NamedStep {
    static let id: StepID = "12_nb_01_tests"
    let summary = "the notice can be read"
    let isProof = true

    func check(_ site: SiteReader) async throws -> Finding {
        let reference = ObjectReference(
            apiVersion: "v1", kind: "ConfigMap", namespace: site.application.namespace, name: "notice")
        let found = try await site.cluster.get([reference]).first?["data", "text"]?.string
        guard found != site.inventory.notice.text else { return .inPlace }
        let claim = "the notice says what the inventory does"
        return .drifted([
            Change("prove that \(claim)", .knownAfterApply, .run, .proof(claim: claim))
        ])
    }

    /// Nothing to change: the step before publishes the notice.
    func apply(_ changes: [Change], to site: SiteWriter) async throws {}

    func verify(_ site: SiteReader) async throws {
        guard try await check(site).changes.isEmpty else {
            throw StepFailure(
                "prove the notice", host: site.cluster.hostName, cause: "it says something else",
                remedy: site.remedy(.run(from: PublishNotice.self)))
        }
    }
}
