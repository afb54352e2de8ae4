import Foundation
import Testing

/// What went wrong in reality (`module-11-facts.md`, section 4), provoked again: each is named with its cause within seconds, no
/// cause is taken for another, and the remedy that is told mends it.
extension RehearsalTests {
    /// Words that belong to one cause alone.
    private static let marks = [
        "firewall": "drops forwarded traffic", "young controllers": "ingress controllers restarted at",
        "broken page": "close the connection on other pages", "scaled down": "is scaled to 0",
        "no Ingress": "there is no Ingress",
        "other class": "has class", "pull secret": "Secret ghcr-secret does not exist",
        "extension": "the extension pg_stat_statements is missing",
        "password": "is not that of the PostgreSQL role chatwoot (28P01)", "other database": "in the database other",
        "node down": "node k8s-worker-01 is not ready", "pg_hba": "does not allow this role to log in",
        "Redis of the pods": "could not reach Redis at",
    ]

    /// Runs, and expects a failure with this one cause, told in time, with a remedy.
    private func fails(_ cause: String, _ arguments: String..., telling remedy: String) async throws {
        let run = try await Command([Lab.command, "run", Lab.runner, "run", "11"] + arguments).run()
        #expect(run.status == 1, "\(cause): \(run.error)")
        let failure = run.error.split(separator: "\n").drop { !$0.contains("✗") }.joined(separator: "\n")
        for (name, mark) in Self.marks {
            #expect(failure.contains(mark) == (name == cause), "\(name) where it is \(cause): \(failure)")
        }
        #expect(failure.contains(remedy), "\(cause): \(failure)")
        let seconds = try #require(failure.firstMatch(of: /✗ .* ([0-9.]+)s/).flatMap { Double($0.1) }, "\(failure)")
        print("\(cause): named after \(seconds) s")
        #expect(seconds < 15, "\(cause)")
    }

    /// Follows a remedy, which must mend everything.
    private func mends(_ arguments: String...) async throws {
        let run = try await Command([Lab.command, "run", Lab.runner, "run", "11"] + arguments).run()
        #expect(run.status == 0, "\(run.error)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
    }

    /// What doctor says, which must agree.
    private func doctorSays(_ cause: String) async throws {
        let doctor = try await Lab.runner("doctor", "11")
        #expect(doctor.status == 1)
        let mark = try #require(Self.marks[cause])
        #expect(doctor.output.contains(mark), "\(cause): \(doctor.output)")
    }

    @Test func whatBreaksThePageIsNamedAndTheRemedyMendsIt() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        let well = try await Lab.runner("doctor", "11")
        #expect(well.status == 0, "\(well.output)")
        #expect(!well.output.contains("✗"))

        // 504: UFW as module 2 left it, on the node of the pods.
        try await Lab.call("shell", "k8s-worker-01", "ufw", "--force", "enable")
        let leaving = try Variant(replacing: "\"disabled\"", with: "\"leave\"")
        try await fails("firewall", "--inventory", leaving.path, telling: "set firewall.policy")
        try await fails(
            "firewall", "--only", "11_ct_03_tests", telling: "`runner run 11 --from fix_ufw_k8s_nodes`")
        try await doctorSays("firewall")
        try await mends("--from", "fix_ufw_k8s_nodes")

        // 503: nothing behind the Service.
        try await Lab.call("kubectl", "-n", "chatwoot", "scale", "deployment/chatwoot-web", "--replicas=0")
        try await eventually("no endpoint is left") {
            let endpoints = try await Lab.objects("-n", "chatwoot", "endpoints/chatwoot-web").first
            return (endpoints?["subsets"] as? [Any] ?? []).isEmpty
        }
        try await fails(
            "scaled down", "--only", "11_ct_03_tests", telling: "`runner run 11 --from 11_ct_02_deploy_chatwoot`")
        try await doctorSays("scaled down")
        try await mends("--from", "11_ct_02_deploy_chatwoot")

        // 404: another class, then no rule at all.
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "patch", "ingress", "chatwoot-ingress", "--type=merge", "-p",
            #"{"spec":{"ingressClassName":"other"}}"#)
        try await eventually("the rule is gone") { try await Platform.page(through: Lab.nodes[0]).status == "404" }
        try await fails(
            "other class", "--only", "11_ct_03_tests", telling: "`runner run 11 --from 11_ct_02_deploy_chatwoot`")
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "ingress", "chatwoot-ingress")
        try await fails(
            "no Ingress", "--only", "11_ct_03_tests", telling: "`runner run 11 --from 11_ct_02_deploy_chatwoot`")
        try await doctorSays("no Ingress")
        try await mends("--from", "11_ct_02_deploy_chatwoot")

        // 502 that passes: a controller that has just been started again.
        try await Lab.call("kubectl", "create", "namespace", "ingress-nginx")
        try await Lab.call(
            "kubectl", "apply", "-f", "-",
            input: """
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller", "namespace": "ingress-nginx",
                 "labels": {"app": "ingress-nginx"}},
                 "spec": {"nodeName": "k8s-master-01", "hostNetwork": true,
                 "containers": [{"name": "controller", "image": "controller", "ports": [{"containerPort": 80}]}]}}
                """)
        try "12".write(
            toFile: "\(Lab.home)/data/ingress-k8s-master-01/loading-seconds", atomically: true, encoding: .utf8)
        try await Lab.call("stop", "ingress@k8s-master-01")
        try await Lab.call("start", "ingress@k8s-master-01")
        try await Self.controllerStarted()
        try await eventually("the controller answers") {
            let page = try await Command([
                Lab.command, "run", "curl", "-s", "--max-time", "2", "-o", "/dev/null", "-w", "%{http_code}",
                "--connect-to",
                "::\(Lab.nodes[0]):", "http://support.keybuzz.io/",
            ]).run()
            return page.output == "502"
        }
        let waiting = try await Lab.runner("run", "11", "--only", "11_ct_03_tests")
        #expect(waiting.status == 0, "\(waiting.error)")
        #expect(waiting.error.contains("ingress controllers restarted"), "\(waiting.error)")
        try await Lab.call("kubectl", "delete", "namespace", "ingress-nginx", "--wait=false")

        // 502 that stays: the pods are Ready and break off the page.
        let breaking = try Variant([
            "\"replicas\"": "\"environment\": {\"STANDIN_FAIL\": \"page\"}, \"replicas\""
        ])
        try await fails("broken page", "--inventory", breaking.path, telling: "log")
        try await mends()
    }

    /// Says of the ingress controller's pod, which no kubelet runs here, what one would say once its container has been started anew.
    private static func controllerStarted() async throws {
        let status = """
            {"status": {"phase": "Running", "containerStatuses": [{"name": "controller", "image": "controller", "imageID": "",
             "restartCount": 1, "ready": true, "state": {"running": {"startedAt": "\(Date().formatted(.iso8601))"}}}]}}
            """
        try await Lab.call(
            "kubectl", "-n", "ingress-nginx", "patch", "pod", "controller", "--subresource=status", "--type=merge",
            "-p",
            status)
    }

    /// With FORCE_SSL Chatwoot redirects whoever does not come by https: that is how it is served, and not a break.
    @Test func forcedHTTPSIsServedAndARedirectElsewhereIsNamed() async throws {
        try await Lab.reset()
        let forced = try Variant(["\"replicas\"": "\"environment\": {\"FORCE_SSL\": \"true\"}, \"replicas\""])
        let run = try await Lab.runner("run", "11", "--inventory", forced.path)
        #expect(run.status == 0, "\(run.error)")
        #expect(run.error.ranges(of: "redirects to https://support.keybuzz.io").count == 1, "\(run.error)")
        #expect(!run.error.contains("by hand"), "\(run.error)")
        // The pods are ready since their application answers, not since it redirects.
        let web = try await Lab.call("kubectl", "-n", "chatwoot", "get", "deployment", "chatwoot-web", "-o", "json")
        #expect(web.contains("X-Forwarded-Proto"))
        // Where somebody else forces it, it is said who redirects where.
        try await mends()
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "set", "env", "deployment/chatwoot-web", "FORCE_SSL=true")
        try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "status", "deployment/chatwoot-web", "--timeout=60s")
        let set = try await Lab.runner("run", "11", "--only", "11_ct_03_tests")
        #expect(set.status == 1)
        #expect(set.error.contains("redirected to https://support.keybuzz.io/api"), "\(set.error)")
        #expect(
            set.error.contains("set FORCE_SSL in chatwoot.environment, or remove it from the Deployment"),
            "\(set.error)")
        try await Lab.call("kubectl", "-n", "chatwoot", "set", "env", "deployment/chatwoot-web", "FORCE_SSL-")
        try await mends()
    }

    /// Does `work` while a line before all others of pg_hba.conf shuts Chatwoot's role out.
    private static func barringChatwoot(_ work: () async throws -> Void) async throws {
        let file = try await Lab.sql("SHOW hba_file")
        let rules = try await Lab.sql("SELECT pg_read_file('\(file)')")
        // The file is emptied before a query that writes it is begun, so that its content comes from here.
        func write(_ rules: String) async throws {
            let lines = "SELECT * FROM regexp_split_to_table($rules$\(rules)$rules$, E'\\n')"
            _ = try await Lab.sql("COPY (\(lines)) TO '\(file)'")
            _ = try await Lab.sql("SELECT pg_reload_conf()")
        }
        try await write("host all chatwoot 0.0.0.0/0 reject\n" + rules)
        let result: Result<Void, any Error>
        do {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        try await write(rules)
        try result.get()
    }

    @Test func whatBreaksTheDatabaseIsNamedAndTheRemedyMendsIt() async throws {
        try await Lab.reset()
        let begun = try await Lab.runner("run", "11", "--until", "add_imagepullsecrets")
        #expect(begun.status == 0, "\(begun.error)")
        // A password that is not the role's: Rails says that there is no database.
        _ = try await Lab.sql("ALTER ROLE chatwoot PASSWORD 'another'")
        try await fails(
            "password", "--only", "11_ct_04_run_migrations",
            telling: "`runner run 11 --from 11_ct_00_setup_credentials`")
        let again = try await Lab.runner("run", "11", "--only", "11_ct_00_setup_credentials")
        #expect(again.status == 0, "\(again.error)")

        // The first migration as a plain owner.
        _ = try await Lab.sql("DROP EXTENSION pg_stat_statements", database: "chatwoot")
        try await fails(
            "extension", "--only", "11_ct_04_run_migrations",
            telling: "`runner run 11 --from 11_ct_00_setup_credentials`")
        try await mends("--from", "11_ct_00_setup_credentials")

        // The password rotated under running pods: the next ones never become ready.
        _ = try await Lab.sql("ALTER ROLE chatwoot PASSWORD 'another'")
        try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "restart", "deployment/chatwoot-web")
        try await fails(
            "password", "--only", "11_ct_02_deploy_chatwoot",
            telling: "`runner run 11 --from 11_ct_00_setup_credentials`")
        try await doctorSays("password")
        try await mends("--from", "11_ct_00_setup_credentials")

        // A line of pg_hba.conf shuts Chatwoot's role out.
        try await Self.barringChatwoot {
            try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "restart", "deployment/chatwoot-web")
            try await fails(
                "pg_hba", "--only", "11_ct_02_deploy_chatwoot", telling: "pg_hba.conf on every PostgreSQL server")
            try await doctorSays("pg_hba")
        }
        try await mends()

        // An administrator who looks at another database with Chatwoot's role is not the pods.
        _ = try await Lab.sql("CREATE DATABASE other OWNER chatwoot")
        let encoded = try await Lab.call(
            "kubectl", "-n", "chatwoot", "get", "secret", "chatwoot-secrets", "-o", "jsonpath={.data.POSTGRES_PASSWORD}"
        )
        let password = String(decoding: try #require(Data(base64Encoded: encoded)), as: UTF8.self)
        let session = try Command(
            [
                Lab.command, "run", "psql", "-h", "10.0.0.10", "-U", "chatwoot", "-d", "other", "-c",
                "SELECT pg_sleep(60)",
            ], environment: ["PGPASSWORD": password]
        ).start()
        try await eventually("the administrator's session is there") {
            try await Lab.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'other' AND usename = 'chatwoot'")
                != "0"
        }
        let beside = try await Lab.runner("run", "11", "--only", "11_ct_03_tests")
        #expect(beside.status == 0, "\(beside.error)")
        session.send(SIGTERM)
        _ = try await session.wait()

        // Pods that run on another database.
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "set", "env", "deployment/chatwoot-web", "POSTGRES_DATABASE=other")
        try await Lab.call("kubectl", "-n", "chatwoot", "rollout", "status", "deployment/chatwoot-web", "--timeout=60s")
        let remedy = "kubectl -n chatwoot set env deployment/chatwoot-web POSTGRES_DATABASE-"
        try await fails("other database", "--only", "11_ct_03_tests", telling: remedy)
        try await doctorSays("other database")
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "set", "env", "deployment/chatwoot-web", "POSTGRES_DATABASE-")
        try await mends()
        _ = try await Lab.sql("DROP DATABASE other WITH (FORCE)")

        // Pods before the migration are no error: it is made up for.
        _ = try await Lab.sql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner", database: "chatwoot")
        try await mends()

        // Redis is well, and the pods are sent elsewhere; what the log says before does not hide it.
        _ = try await Lab.sql(
            "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner", database: "chatwoot")
        let extensions = try await Lab.runner("run", "11", "--only", "11_ct_00_setup_credentials")
        #expect(extensions.status == 0, "\(extensions.error)")
        try await Lab.call(
            "kubectl", "-n", "chatwoot", "patch", "configmap", "chatwoot-config", "--type=merge", "-p",
            #"{"data": {"REDIS_URL": "redis://10.0.0.10:6390/0"}}"#)
        try await fails(
            "Redis of the pods", "--only", "11_ct_04_run_migrations",
            telling: "look for a firewall or NetworkPolicy between the pods and Redis")
        try await mends()
    }

    @Test func whatBreaksThePodsIsNamedAndTheRemedyMendsIt() async throws {
        try await Lab.reset()
        try await Lab.runToTheEnd()
        // The pull secret is gone, and the node has no copy of the image.
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "secret", "ghcr-secret")
        try await Lab.call(
            "shell", "k8s-worker-01", "sh", "-c",
            "ctr -n k8s.io images rm $(ctr -n k8s.io images ls -q | grep chatwoot)")
        try await Lab.call("kubectl", "-n", "chatwoot", "delete", "pods", "--all", "--wait=false")
        try await fails(
            "pull secret", "--only", "11_ct_02_deploy_chatwoot", telling: "add_imagepullsecrets")
        try await doctorSays("pull secret")
        try await mends("--from", "add_imagepullsecrets")

        // The node of the pods stops reporting.
        try await Lab.call("stop", "kubelet")
        try await eventually("the node counts as not ready") {
            let node = try await Lab.objects("node/k8s-worker-01").first
            let conditions = (node?["status"] as? [String: Any])?["conditions"] as? [[String: Any]] ?? []
            return conditions.contains { $0["type"] as? String == "Ready" && $0["status"] as? String != "True" }
        }
        try await fails("node down", "--only", "11_ct_02_deploy_chatwoot", telling: "restore the node's kubelet")
        try await doctorSays("node down")
        try await Lab.call("start", "kubelet")
        try await eventually("the node is back") {
            let node = try await Lab.objects("node/k8s-worker-01").first
            let conditions = (node?["status"] as? [String: Any])?["conditions"] as? [[String: Any]] ?? []
            return conditions.contains { $0["type"] as? String == "Ready" && $0["status"] as? String == "True" }
        }
        try await mends()
    }
}
