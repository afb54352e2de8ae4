import Foundation
import Testing

/// A part of the platform, or of the network to it, that is stopped and restored while a run works.
struct BrokenPart: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Commands of the lab.
    private let (taking, giving): ([[String]], [[String]])

    private init(_ description: String, taking: [[String]], giving: [[String]]) {
        (testDescription, self.taking, self.giving) = (description, taking, giving)
    }

    private static func service(_ service: String, _ description: String) -> BrokenPart {
        BrokenPart("\(description) ended and started", taking: [["stop", service]], giving: [["start", service]])
    }

    /// The one that a run uses as long as it can.
    private static let master = "k8s-master-01"
    private static let sessions = """
        for process in /proc/[0-9]*; do
          if grep -qsz '^SSH_CONNECTION=' "$process/environ"; then kill -KILL "${process#/proc/}"; fi
        done
        """
    private static let drop = "INPUT -p tcp --dport 22 -j DROP"

    /// Each of them is ended or restarted.
    static let servers = [
        service("apiserver@\(master)", "a master's API server"), service("etcd", "etcd"),
        service("postgres", "PostgreSQL"), service("redis", "Redis"), service("haproxy", "HAProxy"),
        BrokenPart(
            "a master restarted",
            taking: [
                ["stop", "sshd@\(master)"], ["shell", master, "sh", "-c", sessions], ["stop", "apiserver@\(master)"],
            ], giving: [["start", "apiserver@\(master)"], ["start", "sshd@\(master)"]]),
    ]

    /// What can become of the way to a master.
    static let paths = [
        BrokenPart("a master's cable pulled", taking: [["cut", master]], giving: [["heal", master]]),
        BrokenPart(
            "a master's SSH server hung (SIGSTOP)", taking: [["shell", master, "pkill", "-STOP", "-x", "sshd"]],
            giving: [["shell", master, "pkill", "-CONT", "-x", "sshd"]]),
        BrokenPart(
            "what is sent to a master's SSH server swallowed",
            taking: [["shell", master, "sh", "-c", "iptables -I \(drop)"]],
            giving: [["shell", master, "sh", "-c", "while iptables -C \(drop); do iptables -D \(drop); done"]]),
    ]

    /// Those of `parts` that are tried: with LAB_PART those with that word in their descriptions.
    static func chosen(_ parts: [BrokenPart]) -> [BrokenPart] {
        guard let word = ProcessInfo.processInfo.environment["LAB_PART"] else { return Lab.chosen(parts) }
        return parts.filter { $0.testDescription.contains(word) }
    }

    func take() async throws { for command in taking { try await Lab.call(command) } }

    func giveBack() async throws { for command in giving { try await Lab.call(command) } }
}
