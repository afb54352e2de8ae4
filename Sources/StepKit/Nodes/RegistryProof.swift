import ClientKit
import SSH

/// Asks the image's registry, from the master in use, whether it accepts the credentials for this very image.
public struct RegistryProof: Sendable {
    private let site: ReadableSite

    /// Proves what `site`'s inventory and credentials say.
    public init(_ site: ReadableSite) {
        self.site = site
    }

    /// Throws when the registry answered and refuses; warns when it cannot be reached from there.
    ///
    /// A registry that answers with a Bearer challenge (ghcr.io does) gets the token exchange of the distribution
    /// specification; one with Basic gets the credentials. All of it happens in one remote shell, whose only output is the
    /// status: neither the credentials nor the token leave it.
    public func require() async throws {
        let image = site.inventory.chatwoot.image
        let attempt = "ask \(image.registry) for \(image) as \(site.credentials.registry.username)"
        let command = RemoteCommand(
            [
                "sh", "-c", Self.script, "sh", image.registry, image.repository, image.digest ?? image.tag ?? "latest",
                site.inventory.registry.caFile ?? "",
            ],
            standardInput: Array(configuration.utf8), effect: .read, timeout: .seconds(30))
        let result = try await site.master.shell.run(command)
        let words = result.outputText.split(separator: " ", omittingEmptySubsequences: false)
        guard result.exitStatus == 0, words.count >= 1, let status = Int(words[0]) else {
            throw StepFailure(
                attempt, host: site.master.name, cause: "exit status \(result.exitStatus): \(result.firstWords)",
                remedy: "see that curl works on the host")
        }
        switch status {
        case 200: return
        case 0:
            site.reporter.warns(
                "\(image.registry) cannot be reached from \(site.master.name), so that its credentials are unproved: "
                    + "\(words.dropFirst().joined(separator: " "))")
        case 401, 403:
            throw StepFailure(
                attempt, host: site.master.name,
                cause: "the registry refuses the credentials of ghcr.env with HTTP \(status)",
                remedy: "put a token with the right read:packages for \(image.repository) into ghcr.env as GHCR_TOKEN",
                kind: .refused)
        case 404:
            throw StepFailure(
                attempt, host: site.master.name,
                cause: "the registry has no such image, or the token may not see it (HTTP 404)",
                remedy: "correct chatwoot.image in \(site.inventory.path), or give the token read:packages for it")
        default:
            throw StepFailure(
                attempt, host: site.master.name, cause: "the registry answers HTTP \(status)",
                remedy: "try again when the registry is well")
        }
    }

    private var configuration: String {
        let credentials = site.credentials.registry
        return "user = " + CurlBatch.quoted("\(credentials.username):\(credentials.token.reveal())") + "\n"
    }

    private static let script = #"""
        registry=$1 repository=$2 reference=$3 ca=$4
        set -- --silent --proto =https --connect-timeout 4 --max-time 8
        [ -z "$ca" ] || set -- "$@" --cacert "$ca"
        credentials=$(cat)
        accept='Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'
        url="https://$registry/v2/$repository/manifests/$reference"
        ask() { curl "$@" --config - --head --output /dev/null --header "$accept" --write-out '%{http_code} %{errormsg}' "$url"; }
        challenge=$(curl "$@" --head --output - "$url" | tr -d '\r' | sed -n 's/^[Ww][Ww][Ww]-[Aa]uthenticate: Bearer //p')
        if [ -n "$challenge" ]; then
            realm=$(printf '%s' "$challenge" | sed -n 's/.*realm="\([^"]*\)".*/\1/p')
            service=$(printf '%s' "$challenge" | sed -n 's/.*service="\([^"]*\)".*/\1/p')
            answer=$(printf '%s\n' "$credentials" | curl "$@" --config - --get --data-urlencode "service=$service" \
                --data-urlencode "scope=repository:$repository:pull" --write-out '\n%{http_code} %{errormsg}' "$realm") || :
            status=$(printf '%s\n' "$answer" | tail -n 1)
            case $status in 200*) ;; *) printf '%s' "$status"; exit 0;; esac
            token=$(printf '%s' "$answer" | tr -d '\r\n' \
                | sed -n 's/.*"\(access_\)\{0,1\}token"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\2/p')
            [ -n "$token" ] || { printf '401 no token'; exit 0; }
            credentials="header = \"Authorization: Bearer $token\""
        fi
        printf '%s\n' "$credentials" | ask "$@" || :
        """#
}
