import Foundation
import Testing

/// What a run leaves behind, in a form that two runs can be compared by.
enum Platform {
    /// Every field of module 11's objects that a run decides, database and role included, and the firewalls.
    static func fingerprint() async throws -> [String] {
        var lines: [String] = []
        let kinds = "deployments,services,ingresses,configmaps,secrets,poddisruptionbudgets"
        let objects =
            try await Lab.objects("namespace/chatwoot") + Lab.objects("-n", "chatwoot", kinds)
            + Lab.objects("-n", "chatwoot", "serviceaccounts").map { $0.filter { $0.key != "secrets" } }
        for object in objects {
            var object = object
            var metadata = object["metadata"] as? [String: Any] ?? [:]
            let name = metadata["name"] as? String ?? ""
            if isOfTheCluster(name) { continue }
            var spec = object["spec"] as? [String: Any]
            // Assigned by the cluster anew each time.
            spec?["clusterIP"] = nil
            spec?["clusterIPs"] = nil
            object["spec"] = spec
            metadata = metadata.filter { ["name", "namespace", "labels", "annotations"].contains($0.key) }
            var annotations = metadata["annotations"] as? [String: Any]
            // Counted by the cluster.
            annotations?["deployment.kubernetes.io/revision"] = nil
            metadata["annotations"] = annotations?.isEmpty == false ? annotations : nil
            object["metadata"] = metadata
            object["status"] = nil
            if object["kind"] as? String == "Secret" {
                // Two differ from reset to reset; that they do not change within one is tested by itself. Failures show the
                // lines, and no secret may be in them.
                object["data"] = (object["data"] as? [String: String] ?? [:]).map { name, value in
                    ["POSTGRES_PASSWORD", "SECRET_KEY_BASE"].contains(name) ? name : "\(name) \(value.hashValue)"
                }.sorted()
            }
            let data = try JSONSerialization.data(
                withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
            lines.append(
                String(decoding: data, as: UTF8.self).replacing(
                    /"keybuzz.io\/config-checksum":"[0-9a-f]+"/, with: "checksum"))
        }
        lines += try await migrations().map { "Job \($0.key): \($0.value)" }.sorted()
        lines += try await databaseLines()
        lines.append(try await Lab.call("redis-cli", "exists", "alfred:CHATWOOT_INSTALLATION_ONBOARDING"))
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            lines.append("\(node) " + (try await Lab.call("shell", node, "ufw", "status")))
        }
        return lines
    }

    /// Whether the cluster itself makes the object of this name in each namespace.
    static func isOfTheCluster(_ name: String) -> Bool { name.hasPrefix("default-token") || name == "kube-root-ca.crt" }

    /// What is otherwise than in an earlier ``fingerprint()``.
    static func difference(from earlier: [String]) async throws -> [String] {
        try await fingerprint().difference(from: earlier).map { "\($0)" }
    }

    /// What must hold after a run that something was taken from: as of an earlier ``fingerprint()`` but for the attempts at
    /// the migration, of which one succeeded; the page is served, and the record intact.
    static func expectRecovered(as undisturbed: [String], _ words: String) async throws {
        let difference = try await difference(from: undisturbed).filter { !$0.contains("Job chatwoot") }
        #expect(difference.isEmpty, "\(words)\n\(difference)")
        let migrations = try await migrations()
        #expect(migrations.values.filter { $0[0] == 1 }.count == 1, "\(words)\n\(migrations)")
        // The ingress of a node that was cut off learns of the pods some seconds after it has learnt of the Ingress.
        for node in Lab.nodes {
            try await eventually("\(node) shows the page; \(words)") { try await page(through: node).status == "200" }
        }
        try await expectIntactRecord(words)
    }

    /// resourceVersions of everything outside kube-system but the Lease and what controllers write all the time.
    static func resourceVersions() async throws -> [String: String] {
        var versions: [String: String] = [:]
        let kinds =
            "namespaces,configmaps,secrets,serviceaccounts,services,endpoints,deployments,replicasets,pods,jobs,ingresses,"
            + "poddisruptionbudgets"
        for object in try await Lab.objects("--all-namespaces", kinds) {
            let metadata = object["metadata"] as? [String: Any] ?? [:]
            let name = "\(object["kind"] ?? "") \(metadata["namespace"] ?? "")/\(metadata["name"] ?? "")"
            versions[name] = metadata["resourceVersion"] as? String
        }
        return versions
    }

    /// Everything outside the cluster that a run may change: roles, databases with their rights, extensions, the keys of Redis,
    /// and every rule of every node's UFW.
    static func outsideTheCluster() async throws -> [String] {
        var lines = [
            try await Lab.sql("SELECT * FROM pg_roles ORDER BY rolname"),
            try await Lab.sql("SELECT * FROM pg_auth_members ORDER BY 1, 2"),
            try await Lab.sql(
                "SELECT oid, datname, datdba, encoding, datallowconn, datacl FROM pg_database ORDER BY oid"),
            try await Lab.call("redis-cli", "--scan"),
        ]
        let databases = try await Lab.sql("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")
        for database in databases.split(separator: "\n").map(String.init) {
            for query in [
                "SELECT extname, extversion FROM pg_extension ORDER BY 1",
                "SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1",
                "SELECT schemaname, tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1, 2",
            ] {
                lines.append("\(database): " + (try await Lab.sql(query, database: database)))
            }
        }
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            lines.append("\(node) " + (try await Lab.call("shell", node, "ufw", "status", "verbose")))
        }
        return lines
    }

    /// The two generated secrets as the cluster holds them.
    static func generatedSecrets() async throws -> [String: String] {
        let secret = try await Lab.objects("-n", "chatwoot", "secret/chatwoot-secrets").first
        let data = secret?["data"] as? [String: String] ?? [:]
        return data.filter { ["POSTGRES_PASSWORD", "SECRET_KEY_BASE"].contains($0.key) }
    }

    /// The generated secrets that there were earlier are as they were.
    static func expectKept(_ earlier: [String: String], _ words: String) async throws {
        let now = try await generatedSecrets()
        #expect(earlier.allSatisfy { now[$0.key] == $0.value }, "\(words)")
    }

    /// ``generatedSecrets()``, or nothing as long as the cluster has none.
    static func presentSecrets() async throws -> [String: String] {
        let present = try await Lab.objects(
            "--all-namespaces", "secrets", "--field-selector", "metadata.name=chatwoot-secrets")
        return present.isEmpty ? [:] : try await generatedSecrets()
    }

    /// The two generated secrets as a machine's credentials folder has them, in the form of ``generatedSecrets()``.
    static func filedSecrets(in folder: String) throws -> [String: String] {
        let names = ["CHATWOOT_PASSWORD": "POSTGRES_PASSWORD", "SECRET_KEY_BASE": "SECRET_KEY_BASE"]
        let file = try String(contentsOfFile: "\(folder)/chatwoot.env", encoding: .utf8)
        let found = file.split(separator: "\n").compactMap { line -> (String, String)? in
            guard let end = line.firstIndex(of: "="), let name = names[String(line[..<end])] else { return nil }
            let value = line[end...].dropFirst().filter { $0 != "'" && $0 != "\"" }
            return (name, Data(value.utf8).base64EncodedString())
        }
        return Dictionary(found) { _, last in last }
    }

    /// The Jobs that ran the migration, by name, with the number of pods that succeeded and failed.
    static func migrations() async throws -> [String: [Int]] {
        var found: [String: [Int]] = [:]
        for job in try await Lab.objects("-n", "chatwoot", "jobs", "-l", "component=migrations") {
            let status = job["status"] as? [String: Any] ?? [:]
            let name = (job["metadata"] as? [String: Any])?["name"] as? String ?? ""
            found[name] = [status["succeeded"] as? Int ?? 0, status["failed"] as? Int ?? 0]
        }
        return found
    }

    /// The Jobs of migrations by the image that the inventory names so, each of which names the image's digest too.
    static func migrations(by image: String) async throws -> [[String: Any]] {
        try await Lab.objects("-n", "chatwoot", "jobs", "-l", "component=migrations").filter { job in
            let annotations = (job["metadata"] as? [String: Any])?["annotations"] as? [String: String]
            return annotations?["keybuzz.io/image"]?.contains("\(image)@sha256:") == true
        }
    }

    /// The page through the ingress of a node, as a browser asks for it: status and body after redirects.
    static func page(through node: String) async throws -> (status: String, body: String) {
        let output = try await Lab.call(
            "run", "curl", "-sS", "-L", "--max-time", "10", "--connect-to", "::\(node):", "-w", "\n%{http_code}",
            "http://support.keybuzz.io/")
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false)
        return (String(lines.last ?? ""), lines.dropLast().joined(separator: "\n"))
    }

    /// The newest run's directory.
    static func newestRun() throws -> String { try #require(try newestRunIfAny()) }

    /// The newest run's directory; `nil` where none was begun, as after a kill in the first milliseconds.
    static func newestRunIfAny() throws -> String? {
        let runs = "\(Lab.state)/runs"
        guard FileManager.default.fileExists(atPath: runs) else { return nil }
        // What is being made, or was set aside, has a dot in its name.
        let names = try FileManager.default.contentsOfDirectory(atPath: runs).filter { !$0.contains(".") }
        return names.max().map { "\(runs)/\($0)" }
    }

    static func checkpoints() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(newestRun())/checkpoints").filter {
            $0.hasSuffix(".json")
        }.sorted()
    }

    /// Whether the newest run has finished `step`.
    static func hasFinished(_ step: String) throws -> Bool {
        try !auditLines().isEmpty
            && FileManager.default.fileExists(atPath: "\(newestRun())/checkpoints/\(step).json")
    }

    /// The steps that were begun in the newest run's audit log, in order, and whether each was applied or in place at last.
    ///
    /// Empty where no run has begun; a last line that is being written is left out.
    static func auditLines() throws -> [[String: Any]] {
        guard let newest = try newestRunIfAny() else { return [] }
        return try entries(of: URL(filePath: newest).lastPathComponent)
    }

    /// The words of the changes that a record tells.
    static func changes(_ line: [String: Any]) -> [String] {
        (line["changes"] as? [[String: Any]] ?? []).compactMap { $0["words"] as? String }
    }

    /// The whole lines of a run's audit log.
    static func entries(of run: String) throws -> [[String: Any]] {
        guard let bytes = FileManager.default.contents(atPath: "\(Lab.state)/runs/\(run)/audit.jsonl"),
            let end = bytes.lastIndex(of: UInt8(ascii: "\n"))
        else { return [] }
        return try bytes[...end].split(separator: UInt8(ascii: "\n")).compactMap {
            try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any]
        }
    }

    /// Whether `step` has begun in the newest run, in a record after the first `known`.
    static func hasBegun(_ step: String, after known: Int = 0) throws -> Bool {
        try auditLines().dropFirst(known).contains {
            $0["kind"] as? String == "step.start" && $0["step"] as? String == step
        }
    }
}
