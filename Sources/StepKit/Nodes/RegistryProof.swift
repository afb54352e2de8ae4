import ClientKit
import SSH

/// Checks, from the master in use, that an image's registry accepts the credentials for this image.
public struct RegistryProof: Sendable {
    private let site: SiteReader
    private let wanted: Application.Image
    private var image: ImageReference { wanted.reference }

    /// Checks `image` with the credentials of `site`.
    public init(_ site: SiteReader, of image: Application.Image) {
        self.site = site
        wanted = image
    }

    /// The registry's answer about the image.
    public enum Answer: Sendable {
        /// The credentials may pull the image, which has this digest.
        case accepted(digest: String)
        /// It refuses the request, or its answer cannot be used.
        case refused(StepFailure)
        /// It cannot be reached from the master, for this reason.
        case unreachable(String)
    }

    /// Throws if the registry refuses; warns if the master cannot reach it.
    public func require() async throws {
        switch try await site.registryAnswer(about: wanted) {
        case .accepted: return
        case .refused(let failure): throw failure
        case .unreachable(let why):
            site.reporter.warns(
                "\(image.registry) cannot be reached from \(site.master.name), so its "
                    + "credentials were not verified: \(why)")
        }
    }

    /// Asks the registry.
    ///
    /// A registry that answers with a Bearer challenge (ghcr.io does) gets the token exchange of
    /// the distribution specification; one with Basic gets the credentials. All of this happens in
    /// one remote shell that prints only the status and the digest: neither the credentials nor the
    /// token leave it.
    func ask() async throws -> Answer {
        let attempt = "ask \(image.registry) for \(image) as \(site.credentials.registry.username)"
        let limit = site.inventory.limits.service
        let command = RemoteCommand(
            [
                "sh", "-c", Self.script, "sh", image.endpoint, image.repository, image.digest ?? image.tag ?? "latest",
                site.inventory.registry.caFile ?? "", "\(limit.duration.components.seconds)",
                "\(site.inventory.limits.connect.duration.components.seconds)",
            ],
            // The registry and who gives tokens for it are asked four times at most.
            for: attempt, standardInput: Array(configuration.utf8), effect: .read, timeout: limit * 4 + .seconds(5))
        let result = try await site.master.shell.run(command)
        let words = result.outputText.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard result.exitStatus == 0, words.count == 3, let status = Int(words[0]) else {
            throw StepFailure(
                attempt, host: site.master.name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "check that curl works on the host")
        }
        return answer(to: attempt, status: status, digest: String(words[1]), error: String(words[2]))
    }

    private func answer(to attempt: String, status: Int, digest: String, error: String) -> Answer {
        func refused(because cause: String, remedy: String, kind: FailureKind = .failed) -> Answer {
            .refused(StepFailure(attempt, host: site.master.name, cause: cause, remedy: remedy, kind: kind))
        }
        switch status {
        case 200:
            // Nodes pull the digest that the inventory names, whatever the registry answers.
            let digest = image.digest ?? digest
            guard ImageReference.isDigest(digest) else {
                return refused(
                    because: "the registry has it but reports no digest (\(digest))",
                    remedy: "write the digest into \(wanted.key) in \(site.inventory.path): \(image)@sha256:…")
            }
            return .accepted(digest: digest)
        case 0: return .unreachable(error)
        case 401, 403:
            return refused(
                because: "the registry rejects the credentials of ghcr.env with HTTP \(status)",
                remedy:
                    "put a token that may pull \(image.repository) (on ghcr.io: read:packages) into ghcr.env as GHCR_TOKEN",
                kind: .refused)
        case 404:
            return refused(
                because: "the registry has no such image, or the token may not see it (HTTP 404)",
                remedy:
                    "push it, correct \(wanted.key) in \(site.inventory.path), or let the token pull it (on ghcr.io: read:packages)"
            )
        default:
            return refused(
                because: "the registry answers HTTP \(status)", remedy: "try again when the registry has recovered")
        }
    }

    private var configuration: String {
        let credentials = site.credentials.registry
        return "user = " + CurlBatch.quoted("\(credentials.username):\(credentials.token.reveal())") + "\n"
    }

    /// Prints three fields: the HTTP status, the digest or `-`, and curl's own message.
    ///
    /// The digest is that of the manifest to which a node resolves the tag, an index if the image
    /// has several platforms.
    private static let script = #"""
        registry=$1 repository=$2 reference=$3 ca=$4
        set -- --silent --proto =https --connect-timeout "$6" --max-time "$5"
        [ -z "$ca" ] || set -- "$@" --cacert "$ca"
        credentials=$(cat)
        accept='Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'
        url="https://$registry/v2/$repository/manifests/$reference"
        ask() { printf '%s\n' "$credentials" | curl "$@" --config - --header "$accept" "$url"; }
        first=$(curl "$@" --head --output - --write-out '\n%{http_code} - %{errormsg}' "$url") || :
        status=$(printf '%s\n' "$first" | tail -n 1)
        # A registry that cannot answer has not asked for credentials, and has not refused any.
        case $status in 000*|408*|421*|425*|429*|5*) printf '%s' "$status"; exit 0;; esac
        challenge=$(printf '%s\n' "$first" | tr -d '\r' | sed -n 's/^[Ww][Ww][Ww]-[Aa]uthenticate: Bearer //p')
        if [ -n "$challenge" ]; then
            realm=$(printf '%s' "$challenge" | sed -n 's/.*realm="\([^"]*\)".*/\1/p')
            service=$(printf '%s' "$challenge" | sed -n 's/.*service="\([^"]*\)".*/\1/p')
            answer=$(printf '%s\n' "$credentials" | curl "$@" --config - --get --data-urlencode "service=$service" \
                --data-urlencode "scope=repository:$repository:pull" --write-out '\n%{http_code} - %{errormsg}' "$realm") || :
            status=$(printf '%s\n' "$answer" | tail -n 1)
            case $status in 200*) ;; *) printf '%s' "$status"; exit 0;; esac
            token=$(printf '%s' "$answer" | tr -d '\r\n' \
                | sed -n 's/.*"\(access_\)\{0,1\}token"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\2/p')
            [ -n "$token" ] || { printf '401 - no token'; exit 0; }
            credentials="header = \"Authorization: Bearer $token\""
        fi
        answer=$(ask "$@" --head --output - --write-out '\n%{http_code} %{errormsg}') || :
        status=$(printf '%s\n' "$answer" | tail -n 1)
        digest=$(printf '%s\n' "$answer" | tr -d '\r' \
            | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest:[[:space:]]*\([^[:space:]]*\).*/\1/p' | tail -n 1)
        case $status:$digest in 200*:)
            # Not every registry tells it; then it is the sum over the manifest's bytes, if all of them came: curl's status first.
            sum=$( { { ask "$@" --fail; printf '%s\n' $? >&3; } | sha256sum; } 3>&1)
            digest=$(printf '%s\n' "$sum" | sed -n '1{/^0$/!q;};2s/^\([0-9a-f]*\).*/sha256:\1/p');;
        esac
        printf '%s %s %s' "${status%% *}" "${digest:--}" "${status#* }"
        """#
}
