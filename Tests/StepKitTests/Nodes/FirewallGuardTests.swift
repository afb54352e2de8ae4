import ClientKit
import Foundation
import Glibc
import SSH
import TestSupport
import Testing

@testable import StepKit

/// Real UFW: it is put back as it was unless a new session confirms the change.
///
/// One after the other, because each command of UFW has a time limit of its own.
@Suite(.serialized, .enabled(if: FirewallHost.isPossible), .timeLimit(.minutes(15))) struct FirewallGuardTests {
    private static let opening = [["ufw", "allow", "22/tcp"], ["ufw", "--force", "enable"]]

    private func node(
        _ host: FirewallHost, newSession: @escaping NodeReader.NewSession
    ) -> NodeWriter {
        NodeWriter(
            NodeReader(name: host.hostName, address: "10.0.0.110", shell: host, newSession: newSession))
    }

    private func working(_ host: FirewallHost) -> NodeWriter { node(host) { use in try await use(host) } }

    @Test func aChangeThatIsConfirmedStaysAlsoAtBoot() async throws {
        let host = try await FirewallHost.start()
        try await working(host).changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {
            // It runs, and a restart of the node would not bring it up.
            #expect(try await host.state().hasPrefix("Status: active\nENABLED=no"))
            let seen = try await working(host).reader.firewall()
            #expect(seen?.isActive == false)
            #expect(seen?.unconfirmedSince?.hasPrefix("20") == true)
        }
        let after = try await host.state()
        #expect(after.hasPrefix("Status: active\nENABLED=yes"))
        // Nothing is left for the timer to put back.
        #expect(try await !host.isUnconfirmed)
        let state = try #require(try await working(host).reader.firewall())
        #expect(state.fate(of: .input(to: .init(22, over: "tcp"))) == .allowed)
        #expect(state.unconfirmedSince == nil)
    }

    @Test func withoutANewSessionItIsPutBackAtOnce() async throws {
        let host = try await FirewallHost.start()
        let before = try await host.state()
        let cut = node(host) { _ in
            throw StepFailure("connect", cause: "timed out", remedy: "look at it", kind: .unreachable)
        }
        do {
            try await cut.changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {}
            Issue.record("it was confirmed")
        } catch let error as StepFailure {
            #expect(error.cause == "connect: timed out; UFW was restored")
            #expect(error.kind == .failed)
        }
        #expect(try await host.state() == before)
        #expect(try await !host.isUnconfirmed)
    }

    /// The confirmation is carried out, and its answer lost: nothing is left to be put back.
    @Test func aConfirmationWithoutAnAnswerIsNotToldAsUndone() async throws {
        let host = try await FirewallHost.start()
        let cut = node(host) { use in
            try await use(host)
            throw StepFailure("keep it", cause: "no trailer came", remedy: "resume", kind: .unknownOutcome)
        }
        do {
            try await cut.changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {}
            Issue.record("it was confirmed")
        } catch let error as any ExplainedError {
            #expect(error.kind == .unknownOutcome)
            #expect(!error.cause.contains("restored"), "\(error)")
        }
        #expect(try await host.state().hasPrefix("Status: active\nENABLED=yes"))
        #expect(try await !host.isUnconfirmed)
    }

    /// As after a lost session: nobody comes back.
    @Test(arguments: [false, true]) func nobodyWhoConfirmsItIsEnough(_ isActive: Bool) async throws {
        let host = try await FirewallHost.start()
        if isActive {
            try await working(host).changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {}
        }
        let before = try await host.state()
        let arguments = [FirewallGuard.kept, "60", "30", "token", "1", "allow 99/tcp", "--force enable"]
        let changed = try await host.run(
            RemoteCommand(["sh", "-c", FirewallGuard.change, "sh"] + arguments, effect: .change))
        #expect(changed.exitStatus == 0, "\(changed.errorText)")
        #expect(changed.outputText.contains(isActive ? "Rule added" : "Rules updated"))
        let isBack = try await poll(within: .seconds(100)) { _ in try await !host.isUnconfirmed }
        #expect(isBack)
        #expect(try await host.state() == before)
        // A confirmation that comes later keeps nothing.
        let late = try await host.run(
            RemoteCommand(
                ["sh", "-c", FirewallGuard.confirm, "sh", FirewallGuard.kept, "60", "30", "token"], effect: .change))
        #expect(late.exitStatus == 75)
        #expect(try await host.state() == before)
    }

    /// A slow node: the time is over while a command of the change still runs.
    @Test func onlyAChangeThatHasEndedIsUndone() async throws {
        let host = try await FirewallHost.start()
        try await working(host).changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {}
        let before = try await host.state()
        let slowly = #"""
            mkdir /run/slow && cd /run/slow && mkfifo go && cat >ufw <<'END' && chmod +x ufw
            #!/bin/sh
            [ "$1" != allow ] || read line </run/slow/go
            exec /usr/sbin/ufw "$@"
            END
            """#
        try #require(try await host.run(RemoteCommand(["sh", "-c", slowly], effect: .change)).exitStatus == 0)
        let path = "PATH=/run/slow:/usr/sbin:/sbin:/usr/bin:/bin"
        let token = "slow\(UInt64.random(in: .min ... .max))"
        let arguments = [FirewallGuard.kept, "60", "30", token, "1", "allow 99/tcp"]
        async let change = host.run(
            RemoteCommand(["env", path, "sh", "-c", FirewallGuard.change, "sh"] + arguments, effect: .change))
        let isDue = try await poll(within: .seconds(100)) { _ in
            try await host.text("pgrep", "-a", "-x", "flock").contains(token)
        }
        #expect(isDue)
        #expect(try await host.isUnconfirmed)
        _ = try await host.text("sh", "-c", "echo >/run/slow/go")
        let changed = try await change
        #expect(changed.exitStatus == 0, "\(changed.errorText)")
        #expect(changed.outputText.contains("Rule added"))
        let isBack = try await poll(within: .seconds(100)) { _ in try await !host.isUnconfirmed }
        #expect(isBack)
        #expect(try await host.state() == before)
    }

    @Test func aFailedCommandOrProofPutsItBack() async throws {
        let host = try await FirewallHost.start()
        let before = try await host.state()
        let wrong = [["ufw", "allow", "22/tcp"], ["ufw", "allow", "nonsense/xyz"], ["ufw", "--force", "enable"]]
        await #expect(throws: StepFailure.self) {
            try await working(host).changeFirewall(wrong, within: firewallLimits, undoneAfter: .seconds(60)) {}
        }
        #expect(try await host.state() == before)
        await #expect(throws: StepFailure.self) {
            try await working(host).changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {
                throw StepFailure("connect to the pods as before", cause: "cut", remedy: "none")
            }
        }
        #expect(try await host.state() == before)
        #expect(try await !host.isUnconfirmed)
    }

    /// Someone else holds the lock, and then UFW itself hangs, as where iptables waits for its own lock.
    @Test func theWaitsOnTheNodeEndWithTheirLimits() async throws {
        let host = try await FirewallHost.start()
        let lock = "/run/keybuzz-runner-firewall.lock"
        let hung = #"""
            mkdir /run/hung && cat >/run/hung/ufw <<'END'
            #!/bin/sh
            [ "$1" != allow ] || exec sleep 600
            exec /usr/sbin/ufw "$@"
            END
            chmod +x /run/hung/ufw
            flock --no-fork "$1" sleep 600 </dev/null >/dev/null 2>&1 &
            until ! flock --nonblock "$1" true; do :; done
            echo $!
            """#
        let holder = try await host.text("sh", "-c", hung, "sh", lock).trimmingCharacters(in: .whitespacesAndNewlines)
        func change() async throws -> Int32 {
            let arguments = [FirewallGuard.kept, "1", "10", "token", "60", "allow 99/tcp"]
            let path = "PATH=/run/hung:/usr/sbin:/sbin:/usr/bin:/bin"
            return try await host.run(
                RemoteCommand(["env", path, "sh", "-c", FirewallGuard.change, "sh"] + arguments, effect: .change)
            ).exitStatus
        }
        #expect(try await change() == 76)
        #expect(try await !host.isUnconfirmed)
        _ = try await host.text("kill", holder)
        #expect(try await change() == 124)
        #expect(try await host.isUnconfirmed)
        try await working(host).settleFirewall(within: firewallLimits)
        #expect(try await !host.isUnconfirmed)
    }

    /// The limit was too short for this node, and its error said to raise it.
    @Test func aLimitThatWasRaisedHoldsForAChangeThatWasLeft() async throws {
        let host = try await FirewallHost.start()
        try await working(host).changeFirewall(Self.opening, within: firewallLimits, undoneAfter: .seconds(60)) {}
        let before = try await host.state()
        let arguments = [FirewallGuard.kept, "60", "30", "token", "60", "allow 99/tcp"]
        let changed = try await host.run(
            RemoteCommand(["sh", "-c", FirewallGuard.change, "sh"] + arguments, effect: .change))
        #expect(changed.exitStatus == 0, "\(changed.errorText)")
        let short = "printf 0.001 >\(FirewallGuard.kept)/limit; sh \(FirewallGuard.kept)/restore token; echo $?"
        #expect(try await host.text("sh", "-c", short).hasSuffix("124\n"))
        try await working(host).settleFirewall(within: firewallLimits)
        #expect(try await host.state() == before)
        #expect(try await !host.isUnconfirmed)
    }

    @Test func anUnconfirmedChangeIsPutBackBeforeTheNextOneBegins() async throws {
        let host = try await FirewallHost.start()
        for port in [98, 99] {
            let arguments = [
                FirewallGuard.kept, "60", "30", "token-\(port)", "60", "allow \(port)/tcp", "--force enable",
            ]
            _ = try await host.run(
                RemoteCommand(["sh", "-c", FirewallGuard.change, "sh"] + arguments, effect: .change))
        }
        let added = try await host.text("ufw", "show", "added")
        #expect(added.contains("99/tcp") && !added.contains("98/tcp"))
        try await working(host).settleFirewall(within: firewallLimits)
        #expect(try await host.text("ufw", "show", "added").contains("(None)"))
        #expect(try await host.state().hasPrefix("Status: inactive\nENABLED=no"))
        // Nothing is left to do.
        try await working(host).settleFirewall(within: firewallLimits)
    }

    @Test func readsWhatReachesTheNode() async throws {
        let host = try await FirewallHost.start()
        _ = try await host.text("ufw", "deny", "23/tcp")
        let exposure = try await working(host).reader.exposure()
        #expect(exposure.listeners.isEmpty)
        #expect(exposure.rules == [.init(to: "23/tcp", action: "DENY IN", from: "Anywhere")])
        #expect(exposure.sendsByDefault)
        #expect(exposure.dropsRoutedByDefault)
    }

    /// As after an upgrade of the system that left no python3.
    @Test func aBrokenUFWIsNotAMissingOne() async throws {
        let host = try await FirewallHost.start()
        let folder = try TemporaryFolder()
        try folder.write("ufw", "#!/nowhere/python3\n", mode: 0o755)
        var reader = FirewallState.reading
        reader.arguments =
            ["env", "PATH=\(folder.path):/usr/bin:/bin", "/bin/sh"] + reader.arguments.dropFirst()
        let result = try await host.run(reader)
        #expect(result.exitStatus == 1, "\(result)")
    }

    /// A login that is not root, as `ufw` itself only says in words.
    @Test func aLoginThatMayNotReadItIsToldSo() async throws {
        let host = try await FirewallHost.start()
        var reader = FirewallState.reading
        reader.arguments = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + reader.arguments
        #expect(try await host.run(reader).exitStatus == FirewallState.notAllowed)
        // A PATH without UFW is a host without it.
        reader = FirewallState.reading
        reader.arguments = ["env", "PATH=/nowhere", "/bin/sh"] + reader.arguments.dropFirst()
        #expect(try await host.run(reader).exitStatus == FirewallState.notInstalled)
    }
}
