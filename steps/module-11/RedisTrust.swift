import ClientKit
import Kubernetes
import StepKit

/// How Chatwoot's pods connect to Redis.
struct RedisTrust {
    private let service: Inventory.RedisService
    private let sentinelPassword: Secret?
    /// The certificates that the pods get as files, by the names that OpenSSL looks for.
    let files: [String: String]

    private static let directory = "/etc/keybuzz/redis-ca"
    /// The CA directory of the image, which is based on Alpine; these CAs stay trusted.
    private static let systemDirectory = "/etc/ssl/certs"

    init(_ site: SiteReader) {
        service = site.inventory.redis
        sentinelPassword = site.credentials.redis.sentinelPassword
        var files: [String: String] = [:]
        let text = site.credentials.certificates.redis ?? ""
        for block in text.matches(of: /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/).map({ String($0.output) + "\n" })
        {
            guard let name = certificateFileName(block) else { continue }
            let number = files.keys.count { $0.hasPrefix(name) }
            files["\(name).\(number)"] = block
        }
        self.files = files
    }

    /// Chatwoot's variables, and OpenSSL's.
    var variables: [String: String] {
        let host = service.host.contains(":") ? "[\(service.host)]" : service.host
        // Chatwoot's client takes a user without a password for a password; REDIS_PASSWORD
        // overrides the one given here.
        let user = service.user.map { "\($0):REDIS_PASSWORD@" } ?? ""
        var variables = [
            "REDIS_URL": "\(service.usesTLS ? "rediss" : "redis")://\(user)\(host):\(service.port)/\(service.database)"
        ]
        if let sentinel = service.sentinel, sentinel.isForPods {
            variables["REDIS_SENTINELS"] = sentinel.addresses.map(\.description).joined(separator: ",")
            // Chatwoot prefixes it with `redis://` and ignores REDIS_URL: this is the only place
            // for user and database.
            let database = service.database == 0 ? "" : "/\(service.database)"
            variables["REDIS_SENTINEL_MASTER_NAME"] = user + sentinel.master + database
        }
        if !files.isEmpty { variables["SSL_CERT_DIR"] = "\(Self.systemDirectory):\(Self.directory)" }
        return variables
    }

    /// The Sentinels' password, empty if they require none: Chatwoot would otherwise send them the
    /// password of Redis, which they reject.
    var secrets: [String: Secret] {
        guard service.sentinel?.isForPods == true else { return [:] }
        return ["REDIS_SENTINEL_PASSWORD": sentinelPassword ?? Secret("")]
    }

    /// The ConfigMap with the certificates.
    func manifest(in site: SiteReader) -> ConfigMap? {
        files.isEmpty ? nil : ConfigMap(metadata: .chatwoot(ChatwootNames.redisCA, in: site), data: files)
    }

    /// The pods' volume with the certificates.
    var volumes: [Volume] { files.isEmpty ? [] : [Volume(configMap: ChatwootNames.redisCA)] }

    /// The mounts for a container.
    var mounts: [VolumeMount] {
        files.isEmpty
            ? [] : [VolumeMount(name: ChatwootNames.redisCA, mountPath: Self.directory, readOnly: true)]
    }
}

extension SiteReader {
    /// The volumes of all certificates that the pods get; nil for none.
    var certificateVolumes: [Volume]? {
        let volumes = (PostgresTrust(self).volumes ?? []) + RedisTrust(self).volumes
        return volumes.isEmpty ? nil : volumes
    }

    /// The mounts for a container.
    var certificateMounts: [VolumeMount]? {
        let mounts = (PostgresTrust(self).mounts ?? []) + RedisTrust(self).mounts
        return mounts.isEmpty ? nil : mounts
    }
}
