import ClientKit
import SSH

/// Changes of UFW with a way back: the node itself puts UFW back as it was unless the change is confirmed in time.
///
/// What UFW was is kept in ``kept`` for as long as the change is not confirmed, also across a restart of the node. UFW is
/// started without being enabled at boot, which only the confirmation does.
enum FirewallGuard {
    /// Where a node keeps UFW's earlier state; it exists while a change is unconfirmed, and is created and removed by one rename.
    static let kept = "/etc/ufw/keybuzz-runner-unconfirmed"

    /// Waits until no change of UFW, no confirmation and no restoring runs, and keeps others from beginning.
    ///
    /// Descriptor 8 holds the lock. Every command inherits it, so it lasts until the last of them has ended, also where
    /// the session is lost or the shell is killed.
    private static let lock = #"""
        lock=/run/keybuzz-runner-firewall.lock
        exec 8>>"$lock" || exit
        flock -w 60 8 || { echo 'another change of UFW is still running' >&2; exit 1; }

        """#

    /// Keeps what UFW is, has the node put it back after a time, and carries out the commands.
    ///
    /// While UFW is off its rules are only files, so the time begins when it is started. The node undoes only a change that
    /// has ended: the time may be over before, so it waits for the lock. Each command has a limit, and the wait is
    /// longer than all of them together.
    static let change =
        lock + #"""
            kept=$1 token=$2 seconds=$3; shift 3
            limited="timeout -k 5 30"
            set -f
            init=/lib/ufw/ufw-init
            for place in /usr/lib/ufw/ufw-init /usr/libexec/ufw/ufw-init; do [ -x "$init" ] || init=$place; done
            if [ -d "$kept" ]; then sh "$kept/restore" "$(cat "$kept/token")" >&2 || exit; fi
            rm -rf "$kept.new" && mkdir -m 700 "$kept.new" || exit
            ufw status verbose >"$kept.new/status" && ufw show added >"$kept.new/added" || exit
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
            was=inactive
            ! grep -qx 'Status: active' "$kept/status" || was=active
            # Access comes first, the files after it.
            [ "$was" = active ] || timeout 30 ufw --force disable || "$(cat "$kept/init")" force-stop || exit
            for file in user.rules user6.rules ufw.conf; do
                [ ! -e "$kept/$file" ] || { cp -p "$kept/$file" "/etc/ufw/$file.back" && mv "/etc/ufw/$file.back" "/etc/ufw/$file"; } || exit
            done
            [ "$was" = inactive ] || timeout 60 ufw reload || exit
            rm -rf "$kept.old"; mv "$kept" "$kept.old" && rm -rf "$kept.old"
            END
            printf '%s' "$init" >"$kept.new/init"
            mv "$kept.new" "$kept" || exit
            arm() {
                way="flock -w $((60 + 40 * $#)) '$lock' sh '$kept/restore' '$token' || sh '$kept/restore' '$token'"
                [ -d /run/systemd/system ] && systemd-run --quiet --collect --unit="keybuzz-runner-firewall-$token" \
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

    /// Keeps the change for good, also at boot, unless the node has put UFW back meanwhile: exit status 75.
    static let confirm =
        lock + #"""
            kept=$1 token=$2
            [ "$(cat "$kept/token" 2>/dev/null)" = "$token" ] || exit 75
            grep -qx 'Status: active' "$kept/status" || ufw --force enable || exit
            rm -rf "$kept.old"; mv "$kept" "$kept.old" && rm -rf "$kept.old" || exit
            [ ! -d /run/systemd/system ] || systemctl stop "keybuzz-runner-firewall-$token.timer" 2>/dev/null || :
            """#

    /// Puts UFW back as it was, where a change is not confirmed.
    static let settle =
        lock + #"""
            [ ! -d "$1" ] || sh "$1/restore" "$(cat "$1/token")"
            """#
}

extension NodeWriter {
    /// Runs UFW commands that the node undoes automatically after `limit`, unless `proof` succeeds first.
    ///
    /// The confirmation uses a new session. If something fails, UFW is restored immediately, provided that the node can still be reached.
    public func changeFirewall(
        _ commands: [[String]], undoneAfter limit: Duration, unless proof: () async throws -> Void
    ) async throws {
        let token = String(UInt64.random(in: .min ... .max), radix: 36)
        do {
            try await guarded(
                FirewallGuard.change, "change UFW",
                [token, "\(limit.components.seconds)"] + commands.map { $0.dropFirst().joined(separator: " ") },
                timeout: .seconds(30 + 10 * commands.count))
            try await proof()
            try await reader.withNewSession { shell in
                try await NodeWriter(reader.over(shell)).guarded(
                    FirewallGuard.confirm, "keep the change of UFW", [token])
            }
        } catch {
            throw await undone(after: error, limit)
        }
    }

    /// Puts UFW back as it was before a change that no run confirmed; without such a change it does nothing.
    public func settleFirewall() async throws {
        try await guarded(FirewallGuard.settle, "restore UFW to its state before an unconfirmed change", [])
    }

    private func undone(after error: any Error, _ limit: Duration) async -> any Error {
        // A run that is interrupted puts UFW back too.
        let settling = Task { try await settleFirewall() }
        let outcome =
            switch await settling.result {
            case .success: "UFW was restored"
            case .failure: "the node restores UFW automatically within \(limit.components.seconds) s"
            }
        guard let error = error as? any ExplainedError else { return error }
        return StepFailure(
            "change UFW and verify that the node can still be reached", host: reader.name,
            cause: "\(error.attempt): \(error.cause); \(outcome)",
            remedy: error.remedy)
    }

    private func guarded(
        _ script: String, _ attempt: String, _ arguments: [String], timeout: Duration = .seconds(90)
    ) async throws {
        let result = try await reader.shell.run(
            RemoteCommand(
                ["sh", "-c", script, "sh", FirewallGuard.kept] + arguments, for: attempt, effect: .change,
                timeout: timeout,
                environment: ["LC_ALL": "C"]))
        switch result.exitStatus {
        case 0: return
        case 75:
            throw StepFailure(
                attempt, host: reader.name,
                cause: "the node has restored UFW, because no confirmation arrived in time",
                remedy: "find out what slows down the node, or the network path to it")
        default:
            throw StepFailure(
                attempt, host: reader.name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "run the `ufw` commands of the plan on the host by hand, and fix what they report")
        }
    }
}
