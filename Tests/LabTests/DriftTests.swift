import Foundation
import Testing

extension RehearsalTests {
    /// Every kind of drift is named, then repaired, and the plans that name it are kept to; and so is that of an empty cluster.
    @Test func everyKindOfDriftIsNamedAndRepairedAsPlanned() async throws {
        try await Lab.reset()
        var honesty = Honesty()
        try await honesty.planAndRun([])
        let allowing = try Variant(replacing: "\"disabled\"", with: "\"allow-pod-network\"").path
        let batches: [(drifts: [Drift], options: [String])] = [
            (Self.fieldsOfObjects, []), (Self.rightsAndLostObjects, []), (Self.loginAndSecrets, []),
            (Self.ownerAndLostSecrets, []), (Self.namespaceAndFirewall, []),
            (Self.firewallOff, ["--inventory", allowing]), (Self.firewallRules, ["--inventory", allowing]),
        ]
        for (drifts, options) in batches {
            try await Drift.provoke(drifts)
            try await honesty.planAndRun(drifts, options)
        }
        let kinds = Set(batches.flatMap(\.drifts).map(\.name)).count
        print(
            "\(kinds) kinds of drift named and repaired; \(honesty.compared) changes done as planned, "
                + "\(honesty.unknowable) said to be known after apply")
        #expect(kinds >= 40)
        #expect(honesty.compared >= kinds)
    }

    private static func template(_ path: String) -> String { "/spec/template/spec/\(path)" }
    private static func container(_ path: String) -> String { template("containers/0/\(path)") }

    /// Each field that the steps set, changed by hand with kubectl.
    private static let fieldsOfObjects: [Drift] = {
        let web = "deployment/chatwoot-web"
        let worker = "deployment/chatwoot-worker"
        let config = "configmap/chatwoot-config"
        let ingress = "ingress/chatwoot-ingress"
        var drifts: [Drift] = [
            .field(web, "/spec/replicas", "1", "chatwoot-web: spec.replicas: 1 → 2"),
            .field(web, "/spec/revisionHistoryLimit", "3", "spec.revisionHistoryLimit: 3 → 5"),
            .field(web, "/spec/strategy/rollingUpdate/maxUnavailable", "1", "rollingUpdate.maxUnavailable: 1 → 0"),
            .field(web, "/spec/strategy/rollingUpdate/maxSurge", "2", "rollingUpdate.maxSurge: 2 → 1"),
            .field(web, "/metadata/labels/component", #""x""#, "chatwoot-web: metadata.labels.component: x → web"),
            .field(
                web, container("image"), #""ghcr.io/keybuzzio/chatwoot-keybuzz:v3.13.0""#,
                "containers[web].image: ghcr.io/keybuzzio/chatwoot-keybuzz:v3.13.0 → ghcr.io/keybuzzio/chatwoot-keybuzz:v3.12.0"
            ),
            .field(web, container("imagePullPolicy"), #""Always""#, "imagePullPolicy: Always → IfNotPresent"),
            .field(web, container("command/5"), #""3001""#, "containers[web].command[5]: 3001 → 3000"),
            .field(web, container("env/0/value"), #""false""#, "env[RAILS_LOG_TO_STDOUT].value: false → true"),
            .field(web, container("env/2/value"), #""3001""#, "containers[web].env[PORT].value: 3001 → 3000"),
            .removed(web, container("envFrom/1"), "containers[web].envFrom[1]: added: "),
            .field(web, container("resources/requests/cpu"), #""60m""#, "resources.requests.cpu: 60m → 50m"),
            .field(web, container("resources/requests/memory"), #""65Mi""#, "requests.memory: 65Mi → 64Mi"),
            .field(web, container("resources/limits/cpu"), #""2""#, "resources.limits.cpu: 2 → 1"),
            .field(web, container("resources/limits/memory"), #""513Mi""#, "limits.memory: 513Mi → 512Mi"),
            .field(web, container("startupProbe/failureThreshold"), "9", "startupProbe.failureThreshold: 9 → 90"),
            .field(web, container("readinessProbe/httpGet/path"), #""/x""#, "readinessProbe.httpGet.path: /x → /api"),
            .field(web, container("livenessProbe/periodSeconds"), "11", "livenessProbe.periodSeconds: 11 → 10"),
            .field(web, container("lifecycle/preStop/exec/command/1"), #""1""#, "preStop.exec.command[1]: 1 → 5"),
            .removed(web, template("imagePullSecrets/0"), "spec.imagePullSecrets: added: "),
            .field(web, template("automountServiceAccountToken"), "true", "automountServiceAccountToken: true → false"),
            .field(web, template("enableServiceLinks"), "true", "enableServiceLinks: true → false"),
            .field(web, template("terminationGracePeriodSeconds"), "9", "terminationGracePeriodSeconds: 9 → 60"),
            .field(web, template("topologySpreadConstraints/0/maxSkew"), "2", "].maxSkew: 2 → 1"),
            .field(
                web, "/spec/template/metadata/annotations/keybuzz.io~1config-checksum", #""0""#,
                "template.metadata.annotations[keybuzz.io/config-checksum]: 0 → "),
            .field(worker, "/spec/replicas", "1", "chatwoot-worker: spec.replicas: 1 → 2"),
            .field(worker, "/spec/minReadySeconds", "1", "chatwoot-worker: spec.minReadySeconds: 1 → 5"),
            .field(worker, container("command/2"), #""true""#, "containers[worker].command[2]: true → sidekiq"),
            .field("service/chatwoot-web", "/spec/selector/component", #""x""#, "spec.selector.component: x → web"),
            .field("service/chatwoot-web", "/spec/ports/0/port", "3001", "spec.ports[3001].port: 3001 → 3000"),
            .field(web, container("ports/0/containerPort"), "3001", "ports[3001].containerPort: 3001 → 3000"),
            .field(
                web, template("topologySpreadConstraints/0/topologyKey"), #""zone""#,
                "chatwoot-web: spec.template.spec.topologySpreadConstraints[zone,ScheduleAnyway].topologyKey: zone → kubernetes.io/hostname"
            ),
            .field(
                worker, template("topologySpreadConstraints/0/whenUnsatisfiable"), #""DoNotSchedule""#,
                "whenUnsatisfiable: DoNotSchedule → ScheduleAnyway"),
            .field(worker, container("env/0/name"), #""RENAMED""#, "containers[worker].env[RENAMED]: removed"),
            .added(
                worker, template("imagePullSecrets/-"), #"{"name":"other"}"#,
                #"chatwoot-worker: spec.template.spec.imagePullSecrets[other]: removed: {"name":"other"}"#),
            .command(
                "variable added by hand",
                ["kubectl", "-n", "chatwoot", "set", "env", web, "FRONTEND_URL=http://x.example"],
                "containers[web].env[FRONTEND_URL]: removed", "(set by kubectl"),
            .field(
                "pdb/chatwoot-web", "/spec/maxUnavailable", "0", "chatwoot/chatwoot-web: spec.maxUnavailable: 0 → 1"),
            .field("pdb/chatwoot-worker", "/spec/maxUnavailable", "2", "chatwoot-worker: spec.maxUnavailable: 2 → 1"),
            .field(ingress, "/spec/ingressClassName", #""other""#, "spec.ingressClassName: other → nginx"),
            .field(
                ingress, "/spec/rules/0/host", #""x.example""#, "spec.rules[0].host: x.example → support.keybuzz.io"),
            .field(
                ingress, "/spec/rules/0/http/paths/0/backend/service/port/number", "81",
                "backend.service.port.number: 81 → 3000"),
        ]
        for (name, value) in [
            ("proxy-connect-timeout", "60"), ("proxy-read-timeout", "300"), ("proxy-send-timeout", "300"),
            ("proxy-body-size", "50m"),
        ] {
            drifts.append(
                .field(
                    ingress, "/metadata/annotations/nginx.ingress.kubernetes.io~1\(name)", #""7""#,
                    "metadata.annotations[nginx.ingress.kubernetes.io/\(name)]: 7 → \(value)"))
        }
        for name in [
            "RAILS_ENV", "FRONTEND_URL", "INSTALLATION_ENV", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DATABASE",
            "POSTGRES_USERNAME",
        ] {
            drifts.append(.field(config, "/data/\(name)", #""x""#, "chatwoot-config: data.\(name): x → "))
        }
        drifts.append(.removed(config, "/data/REDIS_URL", "chatwoot-config: data.REDIS_URL: added: redis://"))
        for name in ["app", "component"] {
            drifts.append(
                .field("namespace/chatwoot", "/metadata/labels/\(name)", #""x""#, "metadata.labels.\(name): x → "))
        }
        for name in ["part-of", "managed-by"] {
            drifts.append(
                .removed(
                    "namespace/chatwoot", "/metadata/labels/app.kubernetes.io~1\(name)",
                    "Namespace chatwoot: metadata.labels[app.kubernetes.io/\(name)]: added: "))
        }
        return drifts
    }()

    /// What the role may do, extensions, entries of Secrets, and objects that are gone.
    private static let rightsAndLostObjects: [Drift] = [
        .sql("role may not log in", "ALTER ROLE chatwoot NOLOGIN", "alter role", "NOLOGIN → LOGIN"),
        .sql("role is a superuser", "ALTER ROLE chatwoot SUPERUSER", "alter role", ", SUPERUSER → NOSUPERUSER"),
        .sql("role may create databases", "ALTER ROLE chatwoot CREATEDB", "CREATEDB → NOCREATEDB"),
        .sql("role may create roles", "ALTER ROLE chatwoot CREATEROLE", "CREATEROLE → NOCREATEROLE"),
        .sql("role may replicate", "ALTER ROLE chatwoot REPLICATION", "REPLICATION → NOREPLICATION"),
        .sql("role passes row security", "ALTER ROLE chatwoot BYPASSRLS", "BYPASSRLS → NOBYPASSRLS"),
        .sql("role's connections are limited", "ALTER ROLE chatwoot CONNECTION LIMIT 1", "CONNECTION LIMIT 1 → -1"),
        .sql(
            "extension pg_trgm dropped", "DROP EXTENSION pg_trgm CASCADE", database: "chatwoot",
            "create extension pg_trgm"),
        .sql(
            "extension pgcrypto dropped", "DROP EXTENSION pgcrypto CASCADE", database: "chatwoot",
            "create extension pgcrypto"),
        .sql(
            "extension pg_stat_statements dropped", "DROP EXTENSION pg_stat_statements CASCADE", database: "chatwoot",
            "create extension pg_stat_statements"),
        .field(
            "secret/chatwoot-secrets", "/data/REDIS_PASSWORD", #""eA==""#,
            "chatwoot-secrets: data.REDIS_PASSWORD: changed"),
        .removed("secret/chatwoot-secrets", "/data/POSTGRES_PASSWORD", "data.POSTGRES_PASSWORD: added"),
        .removed("secret/chatwoot-secrets", "/data/SECRET_KEY_BASE", "data.SECRET_KEY_BASE: added"),
        .field("secret/ghcr-secret", "/data/.dockerconfigjson", #""e30=""#, "[.dockerconfigjson]: changed"),
        .deleted("configmap/chatwoot-config", "create ConfigMap chatwoot/chatwoot-config"),
        .deleted("configmap/chatwoot-schema", "create ConfigMap chatwoot/chatwoot-schema"),
        .deleted("deployment/chatwoot-worker", "create Deployment chatwoot/chatwoot-worker"),
        .deleted("service/chatwoot-web", "create Service chatwoot/chatwoot-web"),
        .deleted("ingress/chatwoot-ingress", "create Ingress chatwoot/chatwoot-ingress"),
        .deleted("pdb/chatwoot-web", "create PodDisruptionBudget chatwoot/chatwoot-web"),
        .deleted("pdb/chatwoot-worker", "create PodDisruptionBudget chatwoot/chatwoot-worker"),
    ]

    /// What keeps Chatwoot from logging in, with everybody else let in; and the operator's own file.
    private static let loginAndSecrets: [Drift] = [
        .field("service/chatwoot-web", "/spec/ports/0/targetPort", "1", "spec.ports[3000].targetPort: 1 → http"),
        .sql(
            "role has another password", "ALTER ROLE chatwoot PASSWORD 'other'", "set the password of role \"chatwoot\""
        ),
        .sql(
            "PUBLIC may connect", "GRANT CONNECT ON DATABASE chatwoot TO PUBLIC",
            "revoke CONNECT on database \"chatwoot\" from PUBLIC"),
        .sql(
            "owner may not connect", "REVOKE CONNECT ON DATABASE chatwoot FROM chatwoot",
            "grant CONNECT on database \"chatwoot\" to \"chatwoot\""),
        .action("chatwoot.env removed", "write the cluster's database password and SECRET_KEY_BASE into chatwoot.env") {
            try FileManager.default.removeItem(atPath: "\(Lab.credentials)/chatwoot.env")
        },
        .field(
            "secret/ghcr-secret", "/metadata/labels/app.kubernetes.io~1part-of", #""x""#,
            "ghcr-secret: metadata.labels[app.kubernetes.io/part-of]: x → keybuzz-support"),
        .field(
            "configmap/chatwoot-schema", "/data/newest", #""1""#, "chatwoot-schema: data.newest: 1 → 20240516003531"),
        .removed("configmap/chatwoot-schema", "/data/migrations", "chatwoot-schema: data.migrations: added: 42"),
        .field(
            "configmap/chatwoot-schema", "/metadata/labels/app.kubernetes.io~1part-of", #""x""#,
            "chatwoot-schema: metadata.labels[app.kubernetes.io/part-of]: x → keybuzz-support"),
        .command(
            "worker scaled by hand",
            ["kubectl", "-n", "chatwoot", "scale", "deployment/chatwoot-worker", "--replicas=3"],
            "chatwoot-worker: spec.replicas: 3 → 2"),
        .command(
            "image set by hand",
            [
                "kubectl", "-n", "chatwoot", "set", "image", "deployment/chatwoot-web",
                "web=ghcr.io/keybuzzio/none:none",
            ], "containers[web].image: ghcr.io/keybuzzio/none:none → ", "(set by kubectl"),
    ]

    private static let ownerAndLostSecrets: [Drift] = [
        .sql(
            "database has another owner", "ALTER DATABASE chatwoot OWNER TO kb_admin",
            "alter database \"chatwoot\": owner kb_admin → chatwoot"),
        .sql(
            "role's password has ended", "ALTER ROLE chatwoot VALID UNTIL '2020-01-01'",
            "alter role \"chatwoot\": VALID UNTIL 2020-01-01", "→ infinity"),
        .sql(
            "schema public is another's", "ALTER SCHEMA public OWNER TO kb_admin", database: "chatwoot",
            "grant USAGE and CREATE on schema public to \"chatwoot\""),
        .deleted("secret/chatwoot-secrets", "create Secret chatwoot/chatwoot-secrets"),
        .deleted("secret/ghcr-secret", "create Secret chatwoot/ghcr-secret"),
        .deleted("deployment/chatwoot-web", "create Deployment chatwoot/chatwoot-web"),
    ]

    private static let namespaceAndFirewall: [Drift] = [
        .deleted("namespace/chatwoot", "create Namespace chatwoot"),
        .command(
            "UFW switched on, on a master", ["shell", "k8s-master-02", "ufw", "--force", "enable"],
            "k8s-master-02: disable UFW"),
        .command(
            "UFW switched on, on a worker", ["shell", "k8s-worker-01", "ufw", "--force", "enable"],
            "k8s-worker-01: disable UFW"),
    ]

    /// Under the policy that keeps UFW on it is off now; and a database that is migrated again is recorded again, unnamed.
    private static let firewallOff: [Drift] = [
        .command(
            "onboarding key deleted", ["redis-cli", "del", "alfred:CHATWOOT_INSTALLATION_ONBOARDING"],
            "set the onboarding key in Redis"),
        .action("UFW switched off", "k8s-master-03: enable UFW, with these rules") {},
    ]

    private static let firewallRules: [Drift] = [
        .command(
            "no input from pods", ["shell", "k8s-master-01", "ufw", "delete", "allow", "from", "10.233.64.0/18"],
            "k8s-master-01: allow input from the pod network 10.233.64.0/18"),
        .command(
            "nothing routed from pods",
            ["shell", "k8s-master-02", "ufw", "route", "delete", "allow", "from", "10.233.64.0/18"],
            "k8s-master-02: allow forwarded traffic from the pod network 10.233.64.0/18"),
        .command(
            "nothing routed to pods",
            ["shell", "k8s-worker-01", "ufw", "route", "delete", "allow", "to", "10.233.64.0/18"],
            "k8s-worker-01: allow forwarded traffic to the pod network 10.233.64.0/18"),
        .command(
            "everything routed denied first",
            ["shell", "k8s-master-03", "ufw", "route", "insert", "1", "deny", "from", "any", "to", "any"],
            "k8s-master-03: insert before DENY FWD from Anywhere to Anywhere: allow forwarded traffic to the pod"),
        .command(
            "input from pods denied", ["shell", "k8s-master-03", "ufw", "deny", "from", "10.233.64.0/18"],
            "k8s-master-03: allow input from the pod network 10.233.64.0/18, which a rule denies"),
    ]
}
