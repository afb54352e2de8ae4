import CLibSSH2
import ClientKit
import Foundation

/// Deciding whether the server is the one it should be, before anything about us is sent.
extension SSHDestination {
    /// Reads the known hosts files.
    ///
    /// One that does not exist is empty; one that cannot be read might hold a revocation.
    func readKnownHosts() throws(SSHError) -> KnownHosts {
        var known = KnownHosts()
        for path in knownHosts {
            do {
                known.add(try Data(contentsOf: URL(fileURLWithPath: path)), from: path)
            } catch CocoaError.fileReadNoSuchFile {
                continue
            } catch {
                throw failure(
                    .hostKey, "read the known hosts", cause: "\(path): \(error.localizedDescription)",
                    remedy: "make \(path) readable for this user", kind: .badInput)
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

    /// Throws unless `key` is trusted.
    func verify(_ key: PublicKey, against known: KnownHosts) throws(SSHError) {
        let offered = "\(key.type) \(key.fingerprint)"
        let files = knownHosts.joined(separator: ", ")
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
            cause = "\(location) cannot be understood, and may be meant to revoke a key of this host"
            remedy = "correct or remove that line"
        case .certificateAuthority(let location):
            cause =
                "the server offers the key \(offered), and \(location) has only a certificate authority for it: not supported"
            remedy = "compare the fingerprint on the host itself, then add the line: \(name) \(key.line)"
        case .different(let trusted):
            let expected = trusted.map { "\($0.key.type) \($0.key.fingerprint) (\($0.location))" }
            cause = "the server offers the key \(offered), but expected is \(expected.joined(separator: " or "))"
            remedy =
                "find out why: the host has a new key, or someone is in between; if the key is new, remove the old one with "
                + "ssh-keygen -R '\(name)' -f \(trusted.first?.location.file ?? "known_hosts") and add the new one"
        case .unknown:
            cause = "the server offers the key \(offered), and no key for \(name) is in \(files)"
            remedy =
                "get the key with ssh-keyscan\(port == 22 ? "" : " -p \(port)") \(address), compare its fingerprint "
                + "(ssh-keygen -lf) on the host itself, then add it to \(knownHosts.first ?? "a known hosts file")"
        }
        throw failure(.hostKey, "verify the host key", cause: cause, remedy: remedy, kind: .refused)
    }
}
