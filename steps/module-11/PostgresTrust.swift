import Kubernetes
import StepKit

/// How Chatwoot's pods connect to PostgreSQL beyond what its own variables say: by those that libpq reads itself.
struct PostgresTrust {
    private let service: Inventory.PostgresService
    /// The certificates that the pods get as a file; nil where the inventory names none.
    let certificates: String?

    private static let directory = "/etc/keybuzz/postgres-ca"
    private static let file = "ca.crt"
    /// Where the image, which is Alpine's, keeps the authorities that it trusts; `system` is libpq 16's word for it.
    private static let systemFile = "/etc/ssl/certs/ca-certificates.crt"

    init(_ site: SiteReader) {
        service = site.inventory.postgres
        certificates = site.credentials.certificates.postgres
    }

    /// libpq's variables; none for what is its default anyway.
    var variables: [String: String] {
        var variables: [String: String] = [:]
        if service.sslmode != .prefer { variables["PGSSLMODE"] = service.sslmode.rawValue }
        switch service.rootCertificate {
        case nil: break
        case .system: variables["PGSSLROOTCERT"] = Self.systemFile
        case .file: variables["PGSSLROOTCERT"] = "\(Self.directory)/\(Self.file)"
        }
        // Without it libpq takes the first host that accepts the login, even a standby, on which nothing can be written.
        if service.hosts.count > 1 { variables["PGTARGETSESSIONATTRS"] = "read-write" }
        return variables
    }

    /// The ConfigMap of the certificates.
    func manifest(in site: SiteReader) -> ConfigMap? {
        certificates.map { ConfigMap(metadata: .chatwoot(ChatwootNames.postgresCA, in: site), data: [Self.file: $0]) }
    }

    /// The pods' volume of the certificates.
    var volumes: [Volume]? { certificates.map { _ in [Volume(configMap: ChatwootNames.postgresCA)] } }

    /// Where a container finds them.
    var mounts: [VolumeMount]? {
        certificates.map { _ in
            [VolumeMount(name: ChatwootNames.postgresCA, mountPath: Self.directory, readOnly: true)]
        }
    }
}
