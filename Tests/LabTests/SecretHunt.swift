import Foundation
import Glibc
import Testing

/// Looks for the actual values of secrets where none may ever be.
struct SecretHunt {
    /// The folder whose chatwoot.env has the generated ones.
    var credentials = Lab.credentials

    /// The secrets there are now: of the credentials files (bare), and generated ones once they exist.
    func values() throws -> [[UInt8]] {
        var values: [[UInt8]] = []
        let folder = "\(Lab.home)/secrets"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            values.append([UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))))
        }
        if let file = try? String(contentsOfFile: "\(credentials)/chatwoot.env", encoding: .utf8) {
            for line in file.split(separator: "\n")
            where line.hasPrefix("CHATWOOT_PASSWORD=") || line.hasPrefix("SECRET_KEY_BASE=") {
                let value = line.drop { $0 != "=" }.dropFirst().filter { $0 != "'" && $0 != "\"" }
                values.append(Array(value.utf8))
            }
        }
        // What is encoded is no less a secret.
        values += values.map { Array(Data($0).base64EncodedString().utf8) }
        return values.map { $0.last == UInt8(ascii: "\n") ? $0.dropLast() : $0 }.filter { $0.count >= 8 }
    }

    /// Reads every process's arguments and environment again and again; pods' own processes aside.
    func watchProcesses(while isRunning: @Sendable () -> Bool) async throws -> [String] {
        var finds: Set<String> = []
        var looks = 0
        while isRunning() {
            looks += 1
            let values = try values()
            for pid in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(pid) != nil {
                let arguments = Self.read("/proc/\(pid)/cmdline")
                if values.contains(where: { arguments.holds($0) }) { finds.insert("arguments of \(Self.name(pid))") }
                // A pod's environment holds what Chatwoot reads; its processes are below the kubelet's cgroup.
                if Self.text("/proc/\(pid)/cgroup").contains("kubepods") { continue }
                let environment = Self.read("/proc/\(pid)/environ")
                if values.contains(where: { environment.holds($0) }) {
                    finds.insert("environment of \(Self.name(pid))")
                }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(looks > 50, "the processes were looked at \(looks) times only")
        return finds.sorted()
    }

    /// The files below a folder that hold a secret.
    func inFiles(of folder: String) throws -> [String] {
        let values = try values()
        #expect(values.count >= 8)
        let files = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        #expect(files.count > 10)
        return files.filter { file in
            let bytes = Self.read("\(folder)/\(file)")
            return values.contains { bytes.holds($0) }
        }
    }

    /// The files of the nodes that hold a secret, where a run could have left one; what containers were given aside.
    func onNodes() async throws -> [String] {
        let lines = try values().map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
        // The list of the secrets is a file that has them: found, it proves that the search works.
        let list = "/tmp/hunt/values"
        let search =
            "mkdir -m 700 /tmp/hunt && cat >\(list); grep -rsalF -D skip --exclude-dir=containerd --exclude-dir=kubelet "
            + "--exclude-dir=netns -f \(list) /tmp /root /run; rm -r /tmp/hunt"
        var found: [String] = []
        for node in ["k8s-master-01", "k8s-master-02", "k8s-master-03", "k8s-worker-01"] {
            let files = try await Lab.call("shell", node, "sh", "-c", search, input: lines + "\n")
                .split(separator: "\n").map(String.init)
            #expect(files.contains(list))
            found += files.filter { $0 != list }.map { "\(node): \($0)" }
        }
        return found
    }

    /// PostgreSQL's log, ConfigMaps, annotations and events that hold a secret.
    func inServers() async throws -> [String] {
        let values = try values()
        let log = Array(try await Lab.call("log", "postgres").utf8)
        #expect(log.holds(Array("CREATE ROLE".utf8)), "the log is there and tells of what was done")
        var places = values.contains { log.holds($0) } ? ["PostgreSQL's log"] : []
        for kind in ["configmaps", "events", "pods", "deployments", "jobs", "secrets", "leases"] {
            for object in try await Lab.objects("--all-namespaces", kind) {
                var object = object
                if kind == "secrets" { object["data"] = nil }
                let bytes = [UInt8](
                    try JSONSerialization.data(withJSONObject: object, options: [.withoutEscapingSlashes]))
                if values.contains(where: { bytes.holds($0) }) {
                    places.append("\(kind) \((object["metadata"] as? [String: Any])?["name"] ?? "")")
                }
            }
        }
        return places
    }

    /// A file's bytes; processes and files come and go, and what is gone holds nothing.
    private static func read(_ path: String) -> [UInt8] {
        FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
    }

    private static func text(_ path: String) -> String { String(decoding: read(path), as: UTF8.self) }

    private static func name(_ pid: String) -> String {
        "\(text("/proc/\(pid)/comm").trimmingCharacters(in: .whitespacesAndNewlines)) (\(pid))"
    }
}

extension [UInt8] {
    /// Whether `needle` occurs; by the C library, since thousands of files are searched in a debug build.
    fileprivate func holds(_ needle: [UInt8]) -> Bool {
        withUnsafeBytes { hay in
            needle.withUnsafeBytes { part in
                guard let start = hay.baseAddress, let wanted = part.baseAddress, !part.isEmpty else { return false }
                var rest = hay.count
                var position = start
                while rest >= part.count, let found = memchr(position, Int32(part[0]), rest - part.count + 1) {
                    if memcmp(found, wanted, part.count) == 0 { return true }
                    rest -= (UnsafeRawPointer(found) - position) + 1
                    position = UnsafeRawPointer(found) + 1
                }
                return false
            }
        }
    }
}
