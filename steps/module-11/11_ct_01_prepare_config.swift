import Kubernetes
import StepKit

/// Creates the namespace, and the ConfigMap and Secret with the variable names that Chatwoot reads.
struct PrepareConfig: ObjectOwner, NamedStep {
    static let id: StepID = "11_ct_01_prepare_config"
    let summary = "namespace, ConfigMap and Secret that Chatwoot reads"

    func check(_ site: SiteReader) async throws -> Finding {
        Finding(changes: try await site.changes(towards: desired(site)))
    }

    func apply(_ changes: [Change], to site: SiteWriter) async throws {
        let secrets = try await site.ensureChatwootSecrets()
        let environment = try await ConfigRepair(site.reader).marking(ChatwootEnvironment(site.reader, secrets))
        try await site.apply(environment.manifests(in: site.reader))
    }

    func verify(_ site: SiteReader) async throws {
        try await site.prove(desired(site))
    }

    func desired(_ site: SiteReader) async throws -> [any Manifest] {
        try await ChatwootEnvironment.present(site).manifests(in: site)
    }
}

extension ChatwootEnvironment {
    /// The environment as far as it is known; with placeholders for secrets that do not exist yet.
    static func present(_ site: SiteReader) async throws -> ChatwootEnvironment {
        let secrets =
            try await site.chatwootSecrets().complete ?? .standIn(for: GeneratedSecret.chatwoot)
        return try await ConfigRepair(site).marking(ChatwootEnvironment(site, secrets))
    }
}

extension SiteReader {
    /// The generated secrets as far as they exist.
    func chatwootSecrets() async throws -> GeneratedSecretsStore.Found {
        try await generatedSecrets(.chatwoot(inventory))
    }

    /// Throws if nobody knows SECRET_KEY_BASE, and the database is in use with one, or may be.
    ///
    /// With `beforeSetup`, a database that `11_ct_00_setup_credentials` can make visible is judged when it has.
    func requireKey(beforeSetup: Bool = false) async throws {
        guard try await chatwootSecrets()[.secretKeyBase] == nil else { return }
        let state = try await DatabaseState.read(self, asksRedis: false)
        if beforeSetup, state.isUnseen, state.setup.changes.contains(where: \.change.makesVisible) { return }
        if let refusal = state.refusalOfNewKey { throw refusal.failure(self) }
    }
}

extension SiteWriter {
    /// The generated secrets; if they do not exist yet, they are generated and written to the
    /// credentials file first.
    func ensureChatwootSecrets() async throws -> GeneratedSecrets {
        try await reader.requireKey()
        return try await ensureGeneratedSecrets(.chatwoot(reader.inventory))
    }
}
