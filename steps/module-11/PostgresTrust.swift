import Kubernetes
import StepKit

/// The settings of the pods' PostgreSQL connections that have no Chatwoot variable: through
/// variables that libpq reads itself.
struct PostgresTrust {
    private let service: Inventory.PostgresService
    /// The certificates that the pods get as a file; nil if the inventory names none.
    let certificates: String?

    private static let directory = "/etc/keybuzz/postgres-ca"
    private static let file = "ca.crt"
    /// The CA bundle of the image, which is based on Alpine; libpq 16 calls it `system`.
    private static let systemFile = "/etc/ssl/certs/ca-certificates.crt"

    init(_ site: SiteReader) {
        service = site.inventory.postgres
        certificates = site.credentials.certificates.postgres
    }

    /// libpq's variables, without those that would have their default value.
    var variables: [String: String] {
        var variables: [String: String] = [:]
        if service.sslmode != .prefer { variables["PGSSLMODE"] = service.sslmode.rawValue }
        switch service.rootCertificate {
        case nil: break
        case .system: variables["PGSSLROOTCERT"] = Self.systemFile
        case .file: variables["PGSSLROOTCERT"] = "\(Self.directory)/\(Self.file)"
        }
        // Without it libpq uses the first host that accepts the login, even a read-only standby.
        if service.hosts.count > 1 { variables["PGTARGETSESSIONATTRS"] = "read-write" }
        return variables
    }

    /// The ConfigMap with the certificates.
    func manifest(in site: SiteReader) -> ConfigMap? {
        certificates.map { ConfigMap(metadata: .chatwoot(ChatwootNames.postgresCA, in: site), data: [Self.file: $0]) }
    }

    /// The pods' volume with the certificates.
    var volumes: [Volume]? { certificates.map { _ in [Volume(configMap: ChatwootNames.postgresCA)] } }

    /// The mounts for a container.
    var mounts: [VolumeMount]? {
        certificates.map { _ in
            [VolumeMount(name: ChatwootNames.postgresCA, mountPath: Self.directory, readOnly: true)]
        }
    }
}
