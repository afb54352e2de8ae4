import ClientKit

extension RedisInfo {
    /// Why an application cannot use the server at `place`; nil for a master outside a Redis
    /// Cluster.
    func unsuitability(at place: String, attempt: String) -> RedisError? {
        func error(_ reason: RedisError.Reason, cause: String, remedy: String) -> RedisError {
            RedisError(
                reason, attempt: attempt, host: place, cause: cause, remedy: remedy,
                kind: reason == .isLoading ? .unreachable : .failed)
        }
        if fields["redis_mode"] == "sentinel" {
            return error(
                .isSentinel, cause: "a Sentinel answers there, which stores no data",
                remedy: "put it under redis.sentinel, or use the port of the master that it monitors, "
                    + "or of the load balancer in front of that")
        }
        if fields["cluster_enabled"] == "1" || fields["redis_mode"] == "cluster" {
            return error(
                .isClusterNode, cause: "a node of a Redis Cluster answers there, which the pods cannot use",
                remedy: "use a Redis server with cluster-enabled no")
        }
        if isLoading {
            return error(
                .isLoading, cause: "the server is still loading its data", remedy: "wait until it has, then resume")
        }
        if fields["role"] == "slave" {
            let master = [fields["master_host"], fields["master_port"]].compactMap { $0 }.joined(separator: ":")
            return error(
                .isReplica, cause: "the server is a replica of \(master): it is read-only",
                remedy: "point the inventory at the master, or make the load balancer's health check select it")
        }
        return nil
    }
}
