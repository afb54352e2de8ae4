import StepKit

extension ChatwootSettings {
    func check(against inventory: StepKit.Inventory, _ session: ReadingSession) {
        checkResources(session)
        for (name, value) in environment {
            if let objection = ReservedVariables.objection(to: name, value: value) {
                session.report("chatwoot.environment.\(name)", objection)
            }
        }
        let registry = inventory.registry
        if session.areSound("chatwoot", "chatwoot.image", "registry", "registry.server"),
            image.registry != registry.server
        {
            session.report(
                "registry.server",
                "is not the registry of chatwoot.image (\(image.registry)): its credentials would not be used")
        }
        if session.areSound("chatwoot.database", "postgres.adminDatabase"),
            [inventory.postgres.adminDatabase, "template0", "template1"].contains(database)
        {
            session.report("chatwoot.database", "must not be the administrator's database or a template")
        }
        checkSentinel(of: inventory.redis, session)
    }

    private func checkResources(_ session: ReadingSession) {
        let (requests, limits) = (resources.requests, resources.limits)
        for (key, request, limit) in [
            ("cpu", requests.cpu, limits.cpu), ("memory", requests.memory, limits.memory),
        ] where session.areSound("chatwoot.resources.requests.\(key)", "chatwoot.resources.limits.\(key)") {
            if limit < request {
                session.report("chatwoot.resources.limits.\(key)", "\(limit) is less than the request \(request)")
            }
        }
    }

    /// Reports settings that Chatwoot's client does not support with Sentinels.
    private func checkSentinel(of redis: StepKit.Inventory.RedisService, _ session: ReadingSession) {
        guard let sentinel = redis.sentinel, sentinel.isForPods, !sentinel.addresses.isEmpty,
            session.areSound("redis", "redis.sentinel")
        else { return }
        if session.isSound("redis.tls"), redis.usesTLS {
            session.report(
                "redis.tls",
                "cannot be combined with Sentinels: Chatwoot does not use TLS for them or their master. Set redis.sentinel.pods to "
                    + "false, so that the pods use only redis.host, or remove redis.sentinel")
        }
        for (index, address) in sentinel.addresses.enumerated() where address.host.contains(":") {
            session.report(
                "redis.sentinel.hosts[\(index)]",
                "must not be an IPv6 address, which Chatwoot cuts at its first colon in REDIS_SENTINELS: give a name "
                    + "of the host")
        }
    }
}
