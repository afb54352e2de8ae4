import ClientKit
import DataServers
import Foundation
import Kubernetes
import Postgres
import Redis
import SSH
import TestSupport
import Testing

@testable import StepKit
@testable import Steps

/// The certificates that Chatwoot's pods and the migration's Job get, on a real PostgreSQL.
@Suite struct CertificateMountTests {
    private static let keys = [
        (
            old: #""sslmode": "prefer""#,
            new: #""sslmode": "verify-full", "rootCertificate": "/etc/keybuzz/ca.pem""#
        ),
        (old: #""port": 6379"#, new: #""port": 6379, "tls": true, "rootCertificate": "/etc/keybuzz/redis.pem""#),
    ]

    private static func site(postgres: String, redis: String) throws -> SiteReader {
        var credentials = SiteSample.credentials()
        credentials.certificates.postgres = postgres
        credentials.certificates.redis = redis
        return SiteSample.readable(try SiteSample.inventory(keys), credentials)
    }

    /// The pods of the Deployments and of the Job, and every object that they refer to.
    private static func pods(of site: SiteReader) throws -> [(name: String, spec: Kubernetes.JSONValue)] {
        let image = ResolvedImage(
            site.inventory.chatwoot.image, digest: "sha256:" + String(repeating: "0f", count: 32), source: .registry)
        let server = ServerVersion(major: 1, minor: 34, description: "v1.34.9")
        let deployment = ChatwootDeployment(site: site, image: image, checksum: "", server: server).manifests
        let writer = SiteWriter(
            reader: site,
            cluster: ClusterWriter(shell: ForbiddenShell(), kubeconfig: "/nowhere", requestTimeout: .seconds(15)))
        let job: any Manifest = MigrationJob(writer).manifest(of: image, attempt: 1, from: nil, after: nil)
        let objects = try [
            deployment.object("Deployment", "chatwoot-web"), deployment.object("Deployment", "chatwoot-worker"),
            [job].object("Job", job.metadata.name),
        ]
        return try objects.map { object in
            (
                object["metadata", "name"]?.string ?? "",
                try #require(object["spec", "template", "spec"])
            )
        }
    }

    @Test func everyPodHasTheFilesThatItsVariablesName() throws {
        let certificate = try TestCertificate()
        let authority = try String(contentsOfFile: certificate.authority, encoding: .utf8)
        let site = try Self.site(postgres: "the authority of PostgreSQL", redis: authority)
        let manifests = ChatwootEnvironment(site, .standIn()).manifests(in: site)
        let variables = try manifests.object("ConfigMap", "chatwoot-config")["data"]?.strings ?? [:]
        for (name, pod) in try Self.pods(of: site) {
            let container = try #require(pod["containers"]?.elements.first)
            #expect(
                container["envFrom"]?.elements.contains { $0["configMapRef", "name"]?.string == "chatwoot-config" }
                    == true)
            // Each mounted file, by its path in the container.
            var files: [String: String] = [:]
            for mount in container["volumeMounts"]?.elements ?? [] {
                let volume = try #require(pod["volumes"]?.elements.first { $0["name"] == mount["name"] }, "\(name)")
                guard let map = volume["configMap", "name"]?.string else { continue }
                let path = try #require(mount["mountPath"]?.string)
                for (key, text) in try manifests.object("ConfigMap", map)["data"]?.strings ?? [:] {
                    files["\(path)/\(key)"] = text
                }
                #expect(mount["readOnly"]?.bool == true, "\(name)")
            }
            #expect(files[variables["PGSSLROOTCERT"] ?? ""] == "the authority of PostgreSQL", "\(name): \(files)")
            let directories = variables["SSL_CERT_DIR"]?.split(separator: ":").map(String.init) ?? []
            let trusted = files.filter { file in directories.contains { file.key.hasPrefix($0 + "/") } }
            #expect(trusted.values.map { $0.contains("BEGIN CERTIFICATE") } == [true], "\(name): \(files)")
        }
    }

    @Test func libpqVerifiesTheServerByWhatAPodGets() async throws {
        let server = try PostgresServer()
        defer { server.stop() }
        let authority = try String(contentsOfFile: server.rootCertificate, encoding: .utf8)
        let stranger = try TestCertificate()
        let other = try String(contentsOfFile: stranger.authority, encoding: .utf8)
        #expect(try psql(server, host: "db.test", trusting: authority) == "t\n")
        for (host, text) in [("db.test", other), ("other.test", authority)] {
            let error = #expect(throws: LaunchFailure.self) { try psql(server, host: host, trusting: text) }
            #expect(
                error?.description.contains(
                    host == "db.test" ? "certificate verify failed" : "does not match host name")
                    == true, "\(String(describing: error))")
        }
    }

    /// Whether the session has TLS, with the variables and the file of a pod.
    private func psql(_ server: PostgresServer, host: String, trusting authority: String) throws -> String {
        let site = try Self.site(postgres: authority, redis: authority)
        let environment = ChatwootEnvironment(site, .standIn())
        let trust = PostgresTrust(site)
        let directory = try makeTemporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let mount = try #require(trust.mounts?.first?.mountPath)
        for (key, text) in try #require(trust.manifest(in: site)).data {
            try text.write(to: directory.appendingPathComponent(key), atomically: true, encoding: .utf8)
        }
        let variables = environment.plain.filter { $0.key.hasPrefix("PG") }
            .mapValues { $0.replacing(mount, with: directory.path) }
        let login = [
            "PGPASSWORD=\(PostgresServer.adminPassword)", "PGHOSTADDR=127.0.0.1", "PATH=/usr/bin:/bin", "LC_ALL=C",
        ]
        return try toolOutput(
            ["env", "-i"] + variables.map { "\($0)=\($1)" } + login + [
                PostgresServer.tool("psql"), "-XqAtw", "-h", host, "-p", String(server.port), "-U", "kb_admin", "-d",
                "postgres", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            ])
    }
}
