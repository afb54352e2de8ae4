import ClientKit
import Glibc

/// What failures of a connection mean, in words.
extension SSHDestination {
    /// An error about this destination.
    func failure(
        _ phase: SSHError.Phase, attempt: String, cause: String, remedy: String, kind: FailureKind,
        hostIsLost: Bool = false
    ) -> SSHError {
        SSHError(
            phase: phase, hostName: name, endpoint: endpoint, attempt: attempt, cause: cause, remedy: remedy,
            kind: kind, hostIsLost: hostIsLost)
    }

    /// An error about a connection that can no longer be used, or that this side has closed.
    func linkError(_ failure: LinkFailure, in phase: SSHError.Phase, attempt: String) -> SSHError {
        self.failure(
            phase, attempt: attempt, cause: failure.explanation, remedy: remedy(for: failure),
            kind: failure.isOurs ? .failed : .unreachable)
    }

    /// What to do about a connection that failed.
    func remedy(for failure: LinkFailure) -> String {
        switch failure {
        case .carrierLost(let name, _): Self.remedy(whereItIsUp: name)
        case .cancelled, .closedHere: "run it again"
        case .notStarted:
            "log in there with ssh and find out what the start of a session waits for: PAM's session modules "
                + "(/etc/pam.d/sshd), or processors that are all in use"
        case .socket(let code) where Errno(code: code).isShortage: Self.remedy(forShortage: code)
        default: Self.remedy(whereItIsUp: "the host")
        }
    }

    private static func remedy(whereItIsUp host: String) -> String {
        "check whether \(host) is up, and whether sshd's log there says more"
    }

    /// What to do where this process or machine has no more of what `code` names.
    static func remedy(forShortage code: Int32) -> String {
        switch code {
        case EMFILE: "raise this process's limit of open files (ulimit -n), or connect to fewer hosts at once"
        case ENFILE: "stop what uses the most descriptors on this machine, or raise fs.file-max"
        case EAGAIN: "raise this user's limit of processes and threads (ulimit -u), or connect to fewer hosts at once"
        default: "free memory on this machine"
        }
    }

    /// An error about a TCP connection.
    func connectError(_ failure: Resolver.Failure) -> SSHError {
        let cause: String
        let remedy: String
        switch failure {
        case .notFound(let message):
            cause = message
            remedy = "correct the address in the inventory, or the name service"
        case .link(.socket(ECONNREFUSED)):
            cause = "connection refused: nothing listens on that port"
            remedy = "start sshd there, or correct the port in the inventory"
        case .lookUp(.timedOut(let limit)):
            cause = "no answer from the name service within \(limit.inWords)"
            remedy = "check the name servers in /etc/resolv.conf, or put the address into the inventory"
        case .link(.timedOut(let limit)):
            cause = LinkFailure.timedOut(limit).explanation
            remedy = "check whether the host is up, and whether a firewall drops the connection"
        case .link(.socket(let code)) where !Errno(code: code).isShortage:
            cause = errnoText(code)
            remedy =
                [EHOSTUNREACH, ENETUNREACH].contains(code)
                ? "check the address in the inventory and the routes of this machine (ip route)"
                : "check the address and port in the inventory"
        case .link(let failure), .lookUp(let failure):
            return linkError(failure, in: .connect, attempt: "connect")
        }
        return self.failure(.connect, attempt: "connect", cause: cause, remedy: remedy, kind: .unreachable)
    }

    /// An error about a server that ended the connection before the keys were agreed on.
    func handshakeError(_ failure: LinkFailure, on transport: Transport, attempts: Int) -> SSHError {
        if case .carrierLost = failure { return linkError(failure, in: .handshake, attempt: "exchange keys") }
        if failure.isOurs { return linkError(failure, in: .handshake, attempt: "exchange keys") }
        let said = String(decoding: transport.preamble.prefix(200), as: UTF8.self).filter { !$0.isNewline }
        let repetition = attempts > 1 ? ", \(attempts) times in succession" : ""
        let words = said.isEmpty ? "" : " after saying \"\(said)\""
        // Closed or reset: that depends on what of ours was still under way.
        let end = failure.isTurnedAway ? LinkFailure.closedByPeer : failure
        return self.failure(
            .handshake, attempt: "exchange keys", cause: end.explanation + words + repetition,
            remedy: failure.isTurnedAway
                ? "check sshd's log there: it may have too many connections (MaxStartups) or block this address "
                    + "(PerSourcePenalties, hosts.deny)"
                : "check whether an SSH server listens there, and whether a firewall is in between",
            kind: .unreachable)
    }

    /// An error about keys that could not be agreed on.
    func keyExchangeError(_ failure: LinkFailure, of session: Session) -> SSHError {
        if let mismatch = ServerProposal(preamble: session.transport.preamble)?.mismatch(with: session) {
            return self.failure(
                .handshake, attempt: "exchange keys", cause: mismatch,
                remedy: "let sshd there offer one of those as well (KexAlgorithms, HostKey, Ciphers, MACs in "
                    + "sshd_config), or install a newer libssh2", kind: .failed)
        }
        return linkError(failure, in: .handshake, attempt: "exchange keys")
    }

    /// An error about a remote shell whose channel was not opened.
    func shellError(_ failure: LinkFailure, attempt: String) -> SSHError {
        guard case .refused = failure else { return linkError(failure, in: .channel, attempt: attempt) }
        return self.failure(
            .channel, attempt: attempt, cause: failure.explanation,
            remedy: "check sshd's log there, and MaxSessions in its sshd_config", kind: .failed)
    }

    /// An error about a server that opened a channel, and then refused to execute anything on it.
    func refusedCommandError(attempt: String) -> SSHError {
        self.failure(
            .channel, attempt: attempt, cause: "the server refused to execute a command",
            remedy: "check sshd's log there, whether \(user) may execute commands, and whether \(user) has reached the "
                + "limit of processes (ulimit -u)", kind: .failed)
    }

    /// An error about a remote shell that was not ready for commands, because it ended or gave no answer in time.
    func shellStartError(_ cause: String, attempt: String, isLate: Bool) -> SSHError {
        guard usesSudo else {
            return self.failure(
                .channel, attempt: attempt, cause: cause,
                remedy: "check whether \(user) may log in there and has a working shell", kind: .failed)
        }
        let attempt = "\(attempt) as root with sudo -n"
        if isLate {
            return self.failure(
                .channel, attempt: attempt, cause: cause,
                remedy: "log in there as \(user) and find out what `sudo -n true` waits for", kind: .failed)
        }
        // Of several lines that match sudo takes the last, and it ignores files with a dot in their names.
        return self.failure(
            .channel, attempt: attempt, cause: cause,
            remedy: "install sudo there if it is missing, and add two lines with visudo -f /etc/sudoers.d/zz-runner: "
                + "`Defaults:\(user) !requiretty` and `\(user) ALL=(ALL:ALL) NOPASSWD: ALL`", kind: .refused)
    }

    /// An error about a forward to `target` that was not opened.
    func forwardError(_ failure: LinkFailure, to target: String, attempt: String) -> SSHError {
        let remedy: String
        switch failure {
        case .timedOut:
            remedy = "check whether \(target) is up, and whether a firewall drops what comes from \(name)"
        case .refused(.connectFailed):
            remedy = "check whether \(target) accepts connections from \(name)"
        case .refused:
            remedy =
                "let sshd on \(name) forward connections: AllowTcpForwarding, PermitOpen and "
                + "DisableForwarding in its sshd_config"
        default:
            return linkError(failure, in: .channel, attempt: attempt)
        }
        // Not the loss of this session's host: that is for its keepalives to say.
        return self.failure(
            .channel, attempt: attempt, cause: failure.explanation, remedy: remedy, kind: .failed)
    }

    /// An error about a `target` that cannot be reached through this jump host.
    func tunnelError(_ failure: LinkFailure, to target: SSHDestination) -> SSHError {
        let attempt = "connect through the jump host \(name)"
        switch failure {
        case .timedOut:
            return target.failure(
                .connect, attempt: attempt,
                cause: "\(name) could not connect to it: \(failure.explanation)",
                remedy: "check whether the host is up, and whether a firewall drops what comes from \(name)",
                kind: .unreachable)
        case .refused(.connectFailed):
            return target.failure(
                .connect, attempt: attempt,
                cause: "\(name) cannot connect to it: nothing listens there, or there is no route to it",
                remedy: "check whether the host is up, and its address and port in the inventory, as "
                    + "\(name) sees them", kind: .unreachable)
        case .refused:
            return forwardError(failure, to: target.endpoint, attempt: "forward a connection to \(target.endpoint)")
        default:
            return linkError(failure, in: .channel, attempt: "forward a connection to \(target.endpoint)")
        }
    }
}
