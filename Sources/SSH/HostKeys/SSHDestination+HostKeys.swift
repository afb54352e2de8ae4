import CLibSSH2
import ClientKit
import Glibc

/// Deciding whether the server is the one it should be, before anything about us is sent.
extension SSHDestination {
    /// Reads the known hosts files.
    ///
    /// One that does not exist is empty; one that cannot be read might hold a revocation.
    func readKnownHosts() throws(SSHError) -> KnownHosts {
        var known = KnownHosts()
        for path in knownHosts {
            do throws(Errno) {
                known.add(try KnownHostsFile.read(path))
            } catch {
                if error.code == ENOENT { continue }
                throw failure(
                    error.isShortage ? .connect : .hostKey, attempt: "read the known hosts",
                    cause: "\(path): \(errnoText(error.code))",
                    remedy: error.isShortage
                        ? Self.remedy(forShortage: error.code) : "make \(path) a file that this user can read",
                    kind: error.isShortage ? .failed : .badInput)
            }
        }
        return known
    }

    /// Which host key algorithms to ask for: those of the known keys first, so that a key we can check is offered.
    func hostKeyPreference(_ known: KnownHosts) -> String {
        let types = known.trustedKeys(host: address, port: port).map(\.key.type)
        let preferred = types.flatMap { $0 == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [$0] }
        let others = [
            "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
            "rsa-sha2-256", "ssh-rsa",
        ]
        var seen = Set<String>()
        return (preferred + others).filter { seen.insert($0).inserted }.joined(separator: ",")
    }

    /// Throws unless `key` is trusted; `offered` are the kinds of keys that the server has.
    func verify(
        _ key: PublicKey, against known: KnownHosts, offered kinds: @autoclosure () -> [String]
    ) throws(SSHError) {
        var offered: String { "\(key.type) \(key.fingerprint)" }
        let name = KnownHosts.name(host: address, port: port)
        let cause: String
        let remedy: String
        switch known.verdict(on: key, host: address, port: port) {
        case .trusted:
            return
        case .revoked(let location):
            cause = "the server offers the key \(offered), which \(location) revokes"
            remedy = "do not connect; ask who revoked the key, and give the host a new one"
        case .unreadableMarker(let location):
            cause = "\(location) cannot be parsed, and may be meant to revoke a key of this host"
            remedy = "correct or remove that line"
        case .certificateAuthority(let location):
            cause =
                "the server offers the key \(offered), and \(location) has only a certificate authority for it: not supported"
            remedy = "compare the fingerprint on the host itself, then add the line: \(name) \(key.line)"
        case .different(let trusted) where isRSAOnly(trusted, offered: kinds()):
            cause =
                "only its RSA key is known (\(trusted[0].location)), and libssh2 \(Session.version) can verify such a key "
                + "only with SHA-1, which the server does not offer"
            remedy =
                "log in once with ssh, which adds the host's other keys after the known one has proved them: "
                + "ssh -o UpdateHostKeys=yes -o UserKnownHostsFile=\(trusted[0].location.file) -p \(port) "
                + "\(user)@\(address) true"
        case .different(let trusted):
            let expected = trusted.map { "\($0.key.type) \($0.key.fingerprint) (\($0.location))" }
            cause =
                "the server offers the key \(offered), but the expected key is \(expected.joined(separator: " or "))"
            remedy =
                "find out why: the host has a new key, or someone intercepts the connection; if the key is new, remove the old one with "
                + "ssh-keygen -R '\(name)' -f \(trusted.first?.location.file ?? "known_hosts") and add the new one"
        case .unknown:
            cause =
                "the server offers the key \(offered), and no key for \(name) is in "
                + knownHosts.joined(separator: ", ")
            remedy =
                "get the key with ssh-keyscan\(port == 22 ? "" : " -p \(port)") \(address), compare its fingerprint "
                + "(ssh-keygen -lf) on the host itself, then add it to \(knownHosts.first ?? "a known hosts file")"
        }
        throw failure(.hostKey, attempt: "verify the host key", cause: cause, remedy: remedy, kind: .refused)
    }

    /// Whether only RSA keys of the host are known, and it shows another because libssh2 cannot verify those.
    private func isRSAOnly(_ trusted: [KnownHosts.Trusted], offered kinds: [String]) -> Bool {
        !Session.supportsRSAWithSHA2 && trusted.allSatisfy { $0.key.type == "ssh-rsa" }
            && !kinds.contains("ssh-rsa") && kinds.contains { $0.hasPrefix("rsa-sha2-") }
    }
}
