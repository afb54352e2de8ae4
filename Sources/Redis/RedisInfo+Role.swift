import ClientKit

extension RedisInfo {
    /// Why Chatwoot cannot work with the server at `place`; nil for a master that stands by itself.
    func unsuitability(at place: String, attempt: String) -> RedisError? {
        func error(_ reason: RedisError.Reason, _ cause: String, _ remedy: String) -> RedisError {
            RedisError(
                reason, attempt: attempt, host: place, cause: cause, remedy: remedy,
                kind: reason == .isLoading ? .unreachable : .failed)
        }
        if fields["redis_mode"] == "sentinel" {
            return error(
                .isSentinel, "a Sentinel answers there, which holds no data",
                "Name it under redis.sentinel, or give the port of the master that it watches or of the load balancer "
                    + "before it.")
        }
        if fields["cluster_enabled"] == "1" || fields["redis_mode"] == "cluster" {
            return error(
                .isClusterNode, "a node of a Redis Cluster answers there, which Chatwoot and Sidekiq cannot use",
                "Give a Redis server with cluster-enabled no.")
        }
        if isLoading {
            return error(.isLoading, "the server still loads its data", "Wait, then resume.")
        }
        if fields["role"] == "slave" {
            let master = [fields["master_host"], fields["master_port"]].compactMap { $0 }.joined(separator: ":")
            return error(
                .isReplica, "the server is a replica of \(master): it only reads",
                "Point the inventory at the master, or let the load balancer's check choose it.")
        }
        return nil
    }
}
