import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@testable import StepKit

/// A host of its own as far as UFW goes: network and UFW's files are a namespace's, and gone with it.
final class FirewallHost: RemoteShell {
    let hostName = "k8s-worker-01"
    private let process: ChildProcess

    private init(_ process: ChildProcess) { self.process = process }

    static var isPossible: Bool { geteuid() == 0 && access("/usr/sbin/ufw", X_OK) == 0 }

    private static let script = #"""
        mount -t tmpfs tmpfs /run && mkdir -p /run/ufw /run/default && cp -a /etc/ufw/. /run/ufw/
        install -m 640 /usr/share/ufw/iptables/*.rules /run/ufw/; install -m 644 /usr/share/ufw/ufw.conf /run/ufw/ufw.conf
        cp -a /etc/default/ufw /run/default/ufw
        mount --bind /run/ufw /etc/ufw; mount --bind /run/default /etc/default
        ip link set lo up
        echo ready; exec sleep 900
        """#

    static func start() async throws -> FirewallHost {
        try await runBlocking {
            let output = Pipe()
            let process = try ChildProcess(
                "/usr/bin/unshare", ["--mount", "--net", "--propagation", "private", "bash", "-ec", script],
                output: .file(output.fileHandleForWriting), errors: .kept)
            // So that what has ended before its line ends the wait for that.
            try output.fileHandleForWriting.close()
            let line = try output.fileHandleForReading.read(upToCount: 6) ?? Data()
            let errors = try process.errors
            try #require(String(decoding: line, as: UTF8.self) == "ready\n", "\(errors)")
            return FirewallHost(process)
        }
    }

    func run(_ command: RemoteCommand) async throws(SSHError) -> CommandResult {
        var inside = command
        inside.arguments = ["nsenter", "--target", "\(process.pid)", "--mount", "--net"] + command.arguments
        return try await LocalShell().run(inside)
    }

    func text(_ arguments: String...) async throws -> String {
        try await run(RemoteCommand(arguments, effect: .read)).outputText
    }

    /// What UFW is, and would be after a restart.
    func state() async throws -> String {
        try await text(
            "sh", "-c",
            "ufw status | head -n 1; grep ^ENABLED /etc/ufw/ufw.conf; cat /etc/default/ufw /etc/ufw/*.rules | sha256sum"
        )
    }

    var isUnconfirmed: Bool {
        get async throws { try await text("sh", "-c", "ls -d \(FirewallGuard.kept)* 2>/dev/null || :") != "" }
    }
}
