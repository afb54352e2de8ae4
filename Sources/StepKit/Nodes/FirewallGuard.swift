public import ClientKit
import SSH

/// Changes of UFW that the node itself reverts unless they are confirmed in time.
///
/// The earlier state is kept in ``kept`` until the change is confirmed, even across a reboot of the
/// node. UFW is started without being enabled at boot; only the confirmation enables it.
enum FirewallGuard {
    /// The folder on a node with UFW's earlier state; it exists while a change is unconfirmed, and
    /// is created and removed by a rename.
    static let kept = "/etc/ufw/keybuzz-runner-unconfirmed"

    /// Waits until no change, confirmation or restore of UFW is running, and prevents others from
    /// starting; exit status 76 where one runs for too long.
    ///
    /// Descriptor 8 holds the lock. Every command inherits it, so that it lasts until the last of
    /// them has ended, even if the session is lost or the shell is killed.
    ///
    /// The arguments of every script here begin with ``kept``, the seconds of the wait for the lock, and those of one
    /// command of UFW.
    private static let lock = #"""
        kept=$1 wait=$2 limit=$3; shift 3
        lock=/run/keybuzz-runner-firewall.lock
        exec 8>>"$lock" || exit
        flock -w "$wait" 8; case $? in 0) ;; 1) exit 76;; *) exit 1;; esac
        limited="timeout -k 5 $limit"

        """#

    /// Saves UFW's state, schedules its restore on the node, and runs the commands.
    ///
    /// While UFW is inactive its rules are only files, so the time starts when UFW is started. The
    /// node reverts only a change that has ended: if the time is over before that, it waits for the
    /// lock. Each command has a time limit, and the wait is longer than all of them together.
    static let change =
        lock + #"""
            token=$1 seconds=$2; shift 2
            set -f
            init=/lib/ufw/ufw-init
            for place in /usr/lib/ufw/ufw-init /usr/libexec/ufw/ufw-init; do [ -x "$init" ] || init=$place; done
            if [ -d "$kept" ]; then sh "$kept/restore" "$(cat "$kept/token")" "$limit" >&2 || exit; fi
            rm -rf "$kept.new" && mkdir -m 700 "$kept.new" || exit
            $limited ufw status verbose >"$kept.new/status" && $limited ufw show added >"$kept.new/added" || exit
            for file in user.rules user6.rules ufw.conf; do
                [ ! -e "/etc/ufw/$file" ] || cp -p "/etc/ufw/$file" "$kept.new/$file" || exit
            done
            cp -p /etc/default/ufw "$kept.new/default" && printf '%s' "$token" >"$kept.new/token" &&
                date -u +%Y-%m-%dT%H:%M:%SZ >"$kept.new/since" || exit
            cat >"$kept.new/restore" <<'END' || exit
            # Puts UFW back as it was before a change that was not confirmed.
            PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin LC_ALL=C
            export PATH LC_ALL
            kept=/etc/ufw/keybuzz-runner-unconfirmed
            [ "$(cat "$kept/token" 2>/dev/null)" = "$1" ] || exit 0
            # A limit that was raised since holds, so that raising it helps.
            limit=${2:-$(cat "$kept/limit" 2>/dev/null)}
            limited="timeout -k 5 ${limit:-30}"
            was=inactive
            ! grep -qx 'Status: active' "$kept/status" || was=active
            # Access comes first, the files after it.
            [ "$was" = active ] || timeout -k 5 30 ufw --force disable || $limited "$(cat "$kept/init")" force-stop || exit
            for file in user.rules user6.rules ufw.conf; do
                [ ! -e "$kept/$file" ] || { cp -p "$kept/$file" "/etc/ufw/$file.back" && mv "/etc/ufw/$file.back" "/etc/ufw/$file"; } || exit
            done
            [ "$was" = inactive ] || $limited ufw reload || exit
            rm -rf "$kept.old"; mv "$kept" "$kept.old" && rm -rf "$kept.old"
            END
            printf '%s' "$init" >"$kept.new/init" && printf '%s' "$limit" >"$kept.new/limit" &&
                mv "$kept.new" "$kept" || exit
            arm() {
                way="flock -w $((wait + (limit + 10) * $#)) '$lock' sh '$kept/restore' '$token' || sh '$kept/restore' '$token'"
                [ -d /run/systemd/system ] && $limited systemd-run --quiet --collect --unit="keybuzz-runner-firewall-$token" \
                    --on-active="$seconds" --timer-property=AccuracySec=1s /bin/sh -c "$way" && return
                setsid nohup sh -c "sleep $seconds; $way" </dev/null >/dev/null 2>&1 8>&- 9>&- &
            }
            start() {
                data=/run/keybuzz-runner-ufw
                rm -rf "$data" && mkdir -p -m 700 "$data/etc/default" && cp -p /etc/default/ufw "$data/etc/default/ufw" &&
                    cp -a /etc/ufw "$data/etc/ufw" && printf '\nENABLED=yes\n' >>"$data/etc/ufw/ufw.conf" &&
                    $limited "$init" --datadir "$data" start && rm -rf "$data"
            }
            if grep -qx 'Status: active' "$kept/status"; then
                arm "$@"
                for rule in "$@"; do $limited ufw $rule || exit; done
            else
                for rule in "$@"; do [ "$rule" = '--force enable' ] || $limited ufw $rule || exit; done
                arm "$@"
                start || exit
            fi
            : >"$kept/changed"
            """#

    /// Makes the change permanent, also across reboots, unless the node has already restored UFW:
    /// exit status 75.
    static let confirm =
        lock + #"""
            token=$1
            [ "$(cat "$kept/token" 2>/dev/null)" = "$token" ] || exit 75
            grep -qx 'Status: active' "$kept/status" || $limited ufw --force enable || exit
            rm -rf "$kept.old"; mv "$kept" "$kept.old" && rm -rf "$kept.old" || exit
            [ ! -d /run/systemd/system ] || $limited systemctl stop "keybuzz-runner-firewall-$token.timer" 2>/dev/null || :
            """#

    /// Restores UFW after an unconfirmed change.
    static let settle =
        lock + #"""
            [ ! -d "$kept" ] || { sh "$kept/restore" "$(cat "$kept/token")" "$limit" && echo restored; }
            """#
}

/// How long the parts of a change of UFW may take on the node.
public struct FirewallLimits: Sendable {
    /// The wait for another change of UFW there.
    public let lock: TimeLimit
    /// One command of UFW.
    public let command: TimeLimit

    /// A change of UFW with these limits.
    public init(lock: TimeLimit, command: TimeLimit) {
        self.lock = lock
        self.command = command
    }

    /// The node waits for the confirmation no longer than that.
    fileprivate var forConfirmation: FirewallLimits {
        FirewallLimits(lock: lock.atMost(.seconds(30)), command: command)
    }
}

extension TimeLimit {
    /// At least one, since `timeout 0` has no limit.
    fileprivate var wholeSeconds: String { "\(max(1, duration.components.seconds))" }
}

extension NodeWriter {
    /// Runs UFW commands that the node reverts after `limit` unless `proof` succeeds first.
    ///
    /// The confirmation uses a new session. If something fails, UFW is restored immediately where
    /// the node can still be reached.
    public func changeFirewall(
        _ commands: [[String]], within times: FirewallLimits, undoneAfter limit: Duration,
        unless proof: () async throws -> Void
    ) async throws {
        let token = String(UInt64.random(in: .min ... .max), radix: 36)
        do {
            try await guarded(
                FirewallGuard.change, "change UFW", within: times, ofCommands: commands.count,
                [token, "\(limit.components.seconds)"] + commands.map { $0.dropFirst().joined(separator: " ") })
        } catch let error as StepFailure where error.kind == .busy {
            // Nothing was begun, and what the other change left is for that one to undo.
            throw error
        } catch {
            throw await undone(after: error, limit, within: times)
        }
        do {
            try await proof()
            try await reader.withNewSession { shell in
                try await NodeWriter(reader.over(shell)).guarded(
                    FirewallGuard.confirm, "keep the change of UFW", within: times.forConfirmation, ofCommands: 1,
                    [token])
            }
        } catch {
            throw await undone(after: error, limit, within: times)
        }
    }

    /// Restores UFW to its state before an unconfirmed change; does nothing if there is none.
    public func settleFirewall(within times: FirewallLimits) async throws {
        _ = try await settle(within: times)
    }

    /// Whether there was anything to restore.
    private func settle(within times: FirewallLimits) async throws -> Bool {
        let result = try await guarded(
            FirewallGuard.settle, "restore UFW to its state before an unconfirmed change", within: times, ofCommands: 1)
        return result.outputText.split(separator: "\n").last == "restored"
    }

    private func undone(
        after error: any Error, _ limit: Duration, within times: FirewallLimits
    ) async -> any Error {
        // An interrupted run restores UFW too.
        let settling = await Task { try await settle(within: times) }.result
        guard let error = error as? any ExplainedError else { return error }
        let outcome: String
        switch settling {
        // The confirmation itself may have been carried out: the step's check decides.
        case .success(false) where error.kind == .unknownOutcome: return error
        case .success(true): outcome = "UFW was restored"
        case .success(false): outcome = "UFW is as it was"
        case .failure: outcome = "the node restores UFW automatically within \(limit.components.seconds) s"
        }
        // That the node could not be reached was the change's doing: it is no lost host.
        let isOfTheChange = [.unreachable, .unknownOutcome].contains(error.kind)
        return StepFailure(
            "change UFW and verify that the node can still be reached", host: reader.name,
            cause: "\(error.attempt): \(error.cause); \(outcome)",
            remedy: error.remedy, kind: isOfTheChange ? .failed : error.kind)
    }

    @discardableResult
    private func guarded(
        _ script: String, _ attempt: String, within times: FirewallLimits, ofCommands count: Int,
        _ arguments: [String] = []
    ) async throws -> CommandResult {
        let result = try await reader.shell.run(
            RemoteCommand(
                ["sh", "-c", script, "sh", FirewallGuard.kept, times.lock.wholeSeconds, times.command.wholeSeconds]
                    + arguments, for: attempt, effect: .change,
                // Longer than those of the script together: each of its own commands, and the lock.
                timeout: (times.command + .seconds(5)) * (count + 8) + times.lock.duration, environment: ["LC_ALL": "C"]
            ))
        switch result.exitStatus {
        case 0: return result
        case 75:
            throw StepFailure(
                attempt, host: reader.name,
                cause: "the node has restored UFW, because no confirmation arrived in time",
                remedy: "find out what slows down the node, or the network path to it")
        case 76:
            throw StepFailure(
                attempt, host: reader.name,
                cause: "another change of UFW is still running there after \(times.lock.inWords)",
                remedy: "find the process that has /run/keybuzz-runner-firewall.lock open (`fuser`), and what it waits "
                    + "for",
                kind: .busy)
        case 124, 137:
            let killed = result.exitStatus == 124 ? "" : ", or was killed"
            throw StepFailure(
                attempt, host: reader.name,
                cause: "a command of UFW did not finish within \(times.command.inWords)\(killed)",
                remedy: "run `ufw status` on the host by hand and find out what it waits for, or "
                    + (times.command.remedy ?? "allow it more time"))
        default:
            throw StepFailure(
                attempt, host: reader.name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run the `ufw` commands of the plan on the host by hand, and fix what they report")
        }
    }
}
