import ClientKit
import Foundation
import Kubernetes
import Testing

@testable import StepKit
@testable import Steps

@Suite struct ChatwootEnvironmentTests {
    private static let secrets = GeneratedSecrets(
        databasePassword: Secret("DbPass0123456789"), secretKeyBase: Secret(String(repeating: "ab", count: 64)))

    private static func environment(
        _ changes: [(old: String, new: String)] = [], _ credentials: Credentials = SiteSample.credentials(),
        secrets: GeneratedSecrets = secrets
    ) throws -> ChatwootEnvironment {
        ChatwootEnvironment(SiteSample.readable(try SiteSample.inventory(changes), credentials), secrets)
    }

    @Test func usesTheNamesThatChatwootReads() throws {
        let environment = try Self.environment()
        #expect(
            environment.plain == [
                "RAILS_ENV": "production", "FRONTEND_URL": "https://support.keybuzz.io", "INSTALLATION_ENV": "KeyBuzz",
                "POSTGRES_HOST": "10.0.0.10", "POSTGRES_PORT": "5432", "POSTGRES_DATABASE": "chatwoot",
                "POSTGRES_USERNAME": "chatwoot", "REDIS_URL": "redis://10.0.0.10:6379/0",
            ])
        #expect(
            environment.secret == [
                "POSTGRES_PASSWORD": Self.secrets.databasePassword, "SECRET_KEY_BASE": Self.secrets.secretKeyBase,
                "REDIS_PASSWORD": Secret("R3dis"),
            ])
    }

    private static let manyHosts = [
        (old: #""hosts": ["10.0.0.10"]"#, new: #""hosts": ["db-1.example.org", "db-2.example.org"]"#)
    ]

    @Test func severalServersOfPostgreSQLLeadToTheOneThatCanBeWrittenTo() throws {
        let environment = try Self.environment(Self.manyHosts)
        #expect(environment.plain["POSTGRES_HOST"] == "db-1.example.org,db-2.example.org")
        #expect(environment.plain["PGTARGETSESSIONATTRS"] == "read-write")
        #expect(environment.plain["PGSSLMODE"] == nil && environment.plain["PGSSLROOTCERT"] == nil)
        #expect(try Self.environment().plain["PGTARGETSESSIONATTRS"] == nil)
    }

    @Test(arguments: ["disable", "allow", "require"])
    func thePodsUseTheSSLModeOfTheInventory(mode: String) throws {
        let environment = try Self.environment([(#""sslmode": "prefer""#, "\"sslmode\": \"\(mode)\"")])
        #expect(environment.plain["PGSSLMODE"] == mode && environment.plain["PGSSLROOTCERT"] == nil)
    }

    @Test func thePodsVerifyPostgreSQLsCertificateAgainstTheGivenOne() throws {
        let verified = [
            (old: #""sslmode": "prefer""#, new: #""sslmode": "verify-full", "rootCertificate": "/etc/keybuzz/ca.pem""#)
        ]
        var credentials = SiteSample.credentials()
        credentials.certificates.postgres = "first"
        let site = SiteSample.readable(try SiteSample.inventory(verified), credentials)
        let environment = ChatwootEnvironment(site, Self.secrets)
        #expect(environment.plain["PGSSLMODE"] == "verify-full")
        #expect(environment.plain["PGSSLROOTCERT"] == "/etc/keybuzz/postgres-ca/ca.crt")
        let file = try environment.manifests(in: site).object("ConfigMap", "chatwoot-postgres-ca")
        #expect(file["data"]?.strings == ["ca.crt": "first"])
        credentials.certificates.postgres = "second"
        #expect(try Self.environment(verified, credentials).checksum != environment.checksum)

        let server = ServerVersion(major: 1, minor: 34, description: "v1.34.9")
        let image = ResolvedImage(
            site.inventory.chatwoot.image, digest: "sha256:" + String(repeating: "0f", count: 32), source: .registry)
        let manifests = ChatwootDeployment(site: site, image: image, checksum: "", server: server).manifests
        for name in ["chatwoot-web", "chatwoot-worker"] {
            let pod = try #require(
                try manifests.object("Deployment", name)["spec", "template", "spec"])
            #expect(pod["volumes"]?.elements.map { $0["configMap", "name"]?.string } == ["chatwoot-postgres-ca"])
            let mounts = pod["containers"]?.elements.first?["volumeMounts"]?.elements
            #expect(mounts?.map { $0["mountPath"]?.string } == ["/etc/keybuzz/postgres-ca"])
        }
    }

    @Test func theSystemsAuthoritiesAreThoseOfTheImage() throws {
        let environment = try Self.environment([
            (#""sslmode": "prefer""#, #""sslmode": "verify-full", "rootCertificate": "system""#)
        ])
        #expect(environment.plain["PGSSLROOTCERT"] == "/etc/ssl/certs/ca-certificates.crt")
        #expect(environment.certificates == [:])
    }

    @Test func theURLOfRedisSaysUserTLSDatabaseAndAnAddressOfIPv6() throws {
        let environment = try Self.environment([
            (
                #""host": "10.0.0.10",\n    "port": 6379,\n    "database": 0"#.replacing(#"\n"#, with: "\n"),
                #""host": "fd00::10", "port": 6380, "database": 3, "user": "chatwoot", "tls": true"#
            )
        ])
        #expect(environment.plain["REDIS_URL"] == "rediss://chatwoot:REDIS_PASSWORD@[fd00::10]:6380/3")
        #expect(environment.plain["SSL_CERT_DIR"] == nil && environment.plain["REDIS_OPENSSL_VERIFY_MODE"] == nil)
        #expect(environment.secret["REDIS_PASSWORD"] == Secret("R3dis"))
    }

    @Test func sentinelsAreNamedAsChatwootReadsThemAndGetNoOtherPassword() throws {
        let port = #""port": 6379,"#
        let hosts = #""hosts": ["10.0.0.11", "10.0.0.12:26380"], "master": "kb""#
        let environment = try Self.environment([(port, "\(port) \"sentinel\": { \(hosts) },")])
        #expect(environment.plain["REDIS_SENTINELS"] == "10.0.0.11:26379,10.0.0.12:26380")
        #expect(environment.plain["REDIS_SENTINEL_MASTER_NAME"] == "kb")
        #expect(environment.plain["REDIS_URL"] == "redis://10.0.0.10:6379/0")
        #expect(environment.secret["REDIS_SENTINEL_PASSWORD"] == Secret(""))
        // Chatwoot makes `redis://` and this its URL, the one place where user and database can stand.
        let more = try Self.environment([
            (port, "\(port) \"user\": \"cw\", \"sentinel\": { \(hosts) },"), (#""database": 0"#, #""database": 5"#),
        ])
        #expect(more.plain["REDIS_SENTINEL_MASTER_NAME"] == "cw:REDIS_PASSWORD@kb/5")
        let own = try Self.environment([(port, "\(port) \"sentinel\": { \(hosts), \"pods\": false },")])
        #expect(own.plain == (try Self.environment().plain))
        #expect(own.secret == (try Self.environment().secret))
    }

    @Test(arguments: [
        ("v3.12.0", true), ("3.2.0", true), ("v4.11.2-ee", true), ("v4.12.0", false), ("v5.0.0", false),
        ("latest", false), ("20260101", false),
    ])
    func imagesWhoseClientCannotAskSentinelsAreKnownByTheirTag(tag: String, isTooOld: Bool) {
        #expect(SentinelAdvice.isTooOld(tag) == isTooOld)
    }

    @Test func aRedisWithoutPasswordLeavesNoVariable() throws {
        let credentials = Credentials(
            postgres: PostgresCredentials(user: "kb_admin", password: Secret("AdminPass"), host: nil, port: nil),
            redis: RedisCredentials(password: nil, host: nil, port: nil),
            registry: RegistryCredentials(username: "keybuzz", token: Secret("t")), objectStorage: nil)
        #expect(try Self.environment([], credentials).secret["REDIS_PASSWORD"] == nil)
        #expect(credentials.allSecrets.count == 2)
    }

    @Test func storesAttachmentsInTheBucketOnceItsKeysAreGiven() throws {
        let environment = try Self.environment([], SiteSample.credentials(minio: true))
        #expect(environment.plain["ACTIVE_STORAGE_SERVICE"] == "s3_compatible")
        #expect(environment.plain["STORAGE_ENDPOINT"] == "http://10.0.0.134:9000")
        #expect(environment.plain["STORAGE_BUCKET_NAME"] == "keybuzz-chatwoot")
        #expect(environment.plain["STORAGE_REGION"] == "us-east-1")
        #expect(environment.plain["STORAGE_FORCE_PATH_STYLE"] == "true")
        #expect(environment.secret["STORAGE_ACCESS_KEY_ID"] == Secret("minio-access"))
        #expect(environment.secret["STORAGE_SECRET_ACCESS_KEY"] == Secret("minio-secret"))
        let names = Set(environment.plain.keys).union(environment.secret.keys)
        #expect(names.isDisjoint(with: ["POSTGRES_DB", "POSTGRES_USER", "REDIS_HOST", "S3_ENDPOINT", "S3_BUCKET"]))
    }

    @Test func takesFurtherVariablesFromTheInventoryAndTheCredentials() throws {
        let environment = try Self.environment(
            [(#""environment": {}"#, #""environment": { "ENABLE_ACCOUNT_SIGNUP": "false" }"#)],
            SiteSample.credentials(extra: ["SMTP_PASSWORD": Secret("smtp-pass")]))
        #expect(environment.plain["ENABLE_ACCOUNT_SIGNUP"] == "false")
        #expect(environment.secret["SMTP_PASSWORD"] == Secret("smtp-pass"))
    }

    @Test func hasNoPasswordInThePlainPart() throws {
        let credentials = SiteSample.credentials(minio: true, extra: ["SMTP_PASSWORD": Secret("smtp-pass")])
        let environment = try Self.environment([], credentials)
        let secrets = credentials.allSecrets + [Self.secrets.databasePassword, Self.secrets.secretKeyBase]
        for (name, value) in environment.plain {
            #expect(!secrets.contains { value.contains($0.reveal()) }, "\(name)")
        }
    }

    @Test func theChecksumChangesWithEveryValueAndOnlyThen() throws {
        let base = try Self.environment()
        #expect(base.checksum == (try Self.environment().checksum))
        #expect(base.checksum.utf8.count == 64)
        var others = [
            try Self.environment([("\"support.keybuzz.io\"", "\"help.keybuzz.io\"")]),
            try Self.environment([("\"installationName\": \"KeyBuzz\"", "\"installationName\": \"Buzz\"")]),
            try Self.environment([(#""environment": {}"#, #""environment": { "A": "BC" }"#)]),
            try Self.environment([(#""environment": {}"#, #""environment": { "AB": "C" }"#)]),
            try Self.environment([], SiteSample.credentials(redis: "Other")),
            try Self.environment([], SiteSample.credentials(minio: true)),
            try Self.environment([], SiteSample.credentials(extra: ["SMTP_PASSWORD": Secret("x")])),
            try Self.environment(
                secrets: GeneratedSecrets(
                    databasePassword: Secret("Other"), secretKeyBase: Self.secrets.secretKeyBase)),
            try Self.environment(
                secrets: GeneratedSecrets(
                    databasePassword: Self.secrets.databasePassword, secretKeyBase: Secret("Other"))),
        ].map(\.checksum)
        others.append(base.checksum)
        #expect(Set(others).count == others.count)
        // What the pods do not read does not roll them.
        #expect(
            base.checksum
                == (try Self.environment([("\"web\": 2", "\"web\": 3")], SiteSample.credentials(token: "other"))
                    .checksum))
    }

    @Test func becomesANamespaceAConfigMapAndASecret() throws {
        let site = SiteSample.readable(try SiteSample.inventory())
        let environment = ChatwootEnvironment(site, Self.secrets)
        let manifests = environment.manifests(in: site)
        #expect(manifests.map(\.kind) == ["Namespace", "ConfigMap", "Secret"])
        let namespace = try manifests.object("Namespace", "chatwoot")
        #expect(namespace["metadata", "labels"]?.strings["app"] == "keybuzz-support")
        #expect(namespace["metadata", "labels"]?.strings["component"] == "chatwoot")
        let configuration = try manifests.object("ConfigMap", "chatwoot-config")
        #expect(configuration["metadata", "namespace"]?.string == "chatwoot")
        #expect(configuration["data"]?.strings == environment.plain)
        let secret = try manifests.object("Secret", "chatwoot-secrets")
        #expect(secret["metadata", "namespace"]?.string == "chatwoot")
        #expect(secret["type"]?.string == "Opaque")
        #expect(
            secret["data"]?.strings
                == environment.secret.mapValues { Data($0.reveal().utf8).base64EncodedString() })
    }
}

@Suite struct PullSecretTests {
    @Test(arguments: ["ghp_token", #"it's "quoted" \ $HOME % é中"#]) func isADockerConfiguration(_ token: String)
        async throws
    {
        let site = SiteSample.readable(try SiteSample.inventory(), SiteSample.credentials(token: token))
        let secret = try await AddImagePullSecrets().desired(site).object("Secret", "ghcr-secret")
        #expect(secret["type"]?.string == "kubernetes.io/dockerconfigjson")
        #expect(secret["metadata", "namespace"]?.string == "chatwoot")
        let encoded = try #require(secret["data"]?.strings[".dockerconfigjson"].flatMap { Data(base64Encoded: $0) })
        let entry = try Kubernetes.JSONValue(parsing: [UInt8](encoded))["auths"]?["ghcr.io"]
        #expect(
            entry?.strings == [
                "username": "keybuzz", "password": token, "auth": Data("keybuzz:\(token)".utf8).base64EncodedString(),
            ])
    }

    @Test(arguments: ["docker.io", "index.docker.io"]) func namesDockerHubAsTheKubeletLooksForIt(_ server: String)
        async throws
    {
        let inventory = try SiteSample.inventory([
            ("\"server\": \"ghcr.io\"", "\"server\": \"\(server)\""),
            ("ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0", "chatwoot/chatwoot:v4.0.1"),
        ])
        let secret = try await AddImagePullSecrets().desired(SiteSample.readable(inventory))
            .object("Secret", "ghcr-secret")
        let encoded = try #require(secret["data"]?.strings[".dockerconfigjson"].flatMap { Data(base64Encoded: $0) })
        let registries = try Kubernetes.JSONValue(parsing: [UInt8](encoded))["auths"]?.members.keys.sorted()
        #expect(registries == ["https://index.docker.io/v1/"])
    }
}
