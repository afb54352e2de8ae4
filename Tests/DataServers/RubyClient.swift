public import Foundation

/// The Redis clients that Chatwoot v3.12.0 has, as Debian 13 packages them: redis-client 0.22.2 as there, redis 5 and Sidekiq 7.3.
///
/// Fetched once into the user's cache, by their digests; this machine's Ruby runs them.
public struct RubyClient: Sendable {
    private let folders: [String]

    private static let packages = [
        (
            "r/ruby-redis-client/ruby-redis-client_0.22.2-1.1_all.deb",
            "79abea35b26fcbddd01dcebe73523f24e2bb1286498f1c9896d4838bf13f5d99"
        ),
        (
            "r/ruby-redis/ruby-redis_5.3.0-1_all.deb",
            "6bae8ab61ad2b219b5acbb330bc61bfeae3ebdb0a1dd57b0f40d4fedda2d11cb"
        ),
        (
            "r/ruby-connection-pool/ruby-connection-pool_2.4.1-1_all.deb",
            "171c9cf1acff90d39188a21e36a9a74a47590a2c48b3126e33c1b562f96e5ba8"
        ),
        (
            "r/ruby-sidekiq/ruby-sidekiq_7.3.2+dfsg-1_all.deb",
            "d9e3ca51b7ff3d6f8edd9b0514e9563f8a504cc9d77b068cf8b091684ed42832"
        ),
    ]

    /// `nil` where it cannot be had here, which is said.
    public static let found: RubyClient? = {
        do {
            return try RubyClient()
        } catch {
            print("Chatwoot's Ruby clients cannot be had here, and are not tried: \(error)")
            return nil
        }
    }()

    private init() throws {
        let root = "/var/cache/runner-tests/ruby-redis"
        if !FileManager.default.fileExists(atPath: "\(root)/done") {
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            for (path, digest) in Self.packages {
                try runTool([
                    "sh", "-c",
                    """
                    set -e; cd "$0"; curl --silent --show-error --fail --max-time 60 -o package.deb "$1"
                    echo "$2  package.deb" | sha256sum --check --quiet; dpkg-deb -x package.deb .; rm package.deb
                    """, root, "http://deb.debian.org/debian/pool/main/\(path)", digest,
                ])
            }
            try runTool(["touch", "\(root)/done"])
        }
        try runTool(["ruby", "-ropenssl", "-e", "exit"])
        let gems = "\(root)/usr/share/rubygems-integration/all/gems"
        folders = try FileManager.default.contentsOfDirectory(atPath: gems).map { "\(gems)/\($0)/lib" }
    }

    /// What `script` writes to its standard output, with `environment` and nothing else; throws with what it wrote where it fails.
    public func run(_ script: URL, environment: [String: String]) throws -> String {
        let variables = environment.merging(["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"]) { own, _ in own }
        return try toolOutput(
            ["env", "-i"] + variables.map { "\($0)=\($1)" } + ["ruby"] + folders.map { "-I\($0)" } + [script.path])
    }
}
