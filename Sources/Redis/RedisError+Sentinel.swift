import ClientKit

/// Failures between querying a Sentinel and connecting to the master.
extension RedisError {
    /// Whether another Sentinel may lead to the master where this one did not.
    var allowsAnotherSentinel: Bool {
        switch reason {
        case .interrupted, .invalidInput, .notRecorded: false
        // The Sentinel's own password, or one that is loading; the master refuses the same way
        // through any Sentinel.
        case .server: isAboutSentinel || kind == .unreachable
        case .wantsNoPassword: isAboutSentinel
        default: true
        }
    }

    /// Whether no server answered at the address, whatever the reason.
    var saysThatNobodyAnswers: Bool {
        switch reason {
        case .nameNotFound, .cannotConnect, .connectDeadline, .closedBeforeLogin: true
        case .connectionLost, .commandDeadline: true
        default: false
        }
    }

    private static func attempt(_ name: String) -> String { "ask the Sentinel for the master \(name)" }

    /// A Sentinel's error, with a remedy for a Sentinel.
    func fromSentinel(of name: String) -> RedisError {
        let remedy: String? =
            switch reason {
            case .server(code: "NOAUTH"): "put the Sentinels' password into redis.env as REDIS_SENTINEL_PASSWORD"
            case .server(code: "WRONGPASS"):
                "correct REDIS_SENTINEL_PASSWORD in redis.env: the Sentinel rejects this one"
            case .server(code: "NOPERM"): "allow the Sentinel's default user the command SENTINEL"
            case .wantsNoPassword:
                "remove REDIS_SENTINEL_PASSWORD from redis.env, or set it on the Sentinels (requirepass)"
            case .wantsTLS:
                "give the Sentinels a port without TLS, since the pods do not use TLS for them; or remove redis.sentinel "
                    + "from the inventory, and give a load balancer that follows the master as redis.host"
            case .nameNotFound, .cannotConnect, .connectDeadline, .closedBeforeLogin:
                "check that the Sentinel is running and listens there (usually on port 26379), and that no firewall is in the "
                    + "way"
            case .notRedis: "check redis.sentinel.hosts: something other than a Sentinel answers at this port"
            default: nil
            }
        if case .server(code: "ERR") = reason, cause.lowercased().contains("unknown command") {
            return RedisError(notSentinel: host ?? "")
        }
        let cause = reason == .wantsNoPassword ? "the Sentinel requires no password, but one was sent" : cause
        let isOwn = [.masterUnknown, .masterDown, .notSentinel].contains(reason)
        return RedisError(
            reason, attempt: Self.attempt(name), host: host ?? "", cause: cause, remedy: remedy ?? self.remedy,
            kind: kind, isAboutSentinel: !isOwn)
    }

    init(notSentinel place: String) {
        self.init(
            .notSentinel, attempt: "ask a Sentinel", host: place,
            cause: "a Redis server answers there, not a Sentinel",
            remedy: "write the Sentinels' own port in redis.sentinel, usually 26379", kind: .failed)
    }

    init(masterUnknown name: String, known: [String], place: String) {
        self.init(
            .masterUnknown, attempt: Self.attempt(name), host: place,
            cause: "it monitors no master of that name"
                + (known.isEmpty ? ", nor any other" : "; it monitors \(known.sorted().joined(separator: ", "))"),
            remedy: "correct redis.sentinel.master in the inventory, or `sentinel monitor` in the Sentinel's file",
            kind: .failed)
    }

    init(masterDown master: RedisSentinels.Place, flags: Set<String>, of group: RedisSentinels, place: String) {
        let isFailingOver = !flags.isDisjoint(with: ["failover_in_progress", "force_failover"])
        self.init(
            .masterDown, attempt: Self.attempt(group.masterName), host: place,
            cause: isFailingOver
                ? "the master \(master) is being failed over"
                : "the master \(master) is down according to this Sentinel",
            remedy: "wait until the Sentinels have made another server the master (`SENTINEL master "
                + "\(group.masterName)` shows it), then resume; if they do not, look for a replica that is running, and for "
                + "the quorum", kind: .unreachable)
    }

    /// The address that a Sentinel named does not respond: the master is gone, or there is no route
    /// from here.
    func unreachable(
        master answer: RedisSentinels.Answer, of group: RedisSentinels, namedBy sentinel: RedisSentinels.Place
    ) -> RedisError {
        let name = "connect to the master \(group.masterName) of the Sentinels"
        guard !answer.isDisconnected else {
            return RedisError(
                .masterDown, attempt: name, host: answer.master.description,
                cause: "\(cause); the Sentinel \(sentinel) has lost it too",
                remedy: "wait until the Sentinels have failed over (about down-after-milliseconds), then resume",
                kind: .unreachable)
        }
        return RedisError(
            .masterUnreachable, attempt: name, host: answer.master.description,
            cause: "\(cause); the Sentinel \(sentinel) reaches it",
            remedy: "make the address that Sentinels name reachable for the runner (redis.via \"ssh\" goes through a "
                + "master node) and for the pods, or make the servers announce another (replica-announce-ip)",
            kind: .unreachable)
    }

    init(
        notMaster role: RedisRole, at place: String, of group: RedisSentinels, namedBy sentinel: RedisSentinels.Place
    ) {
        let own = role.master.map { "a replica of \($0)" } ?? "a \(role.name)"
        self.init(
            .staleSentinel, attempt: "connect to the master \(group.masterName) of the Sentinels", host: place,
            cause: "the Sentinel \(sentinel) names it as the master, and it is \(own)",
            remedy: "wait, since a failover may just have happened, then resume; where it stays so, compare `SENTINEL "
                + "master \(group.masterName)` on all Sentinels: this one may not see the others", kind: .unreachable)
    }

    /// The remote end of a tunnel cannot reach `place`.
    public init(noWayTo place: RedisSentinels.Place, cause: String) {
        self.init(
            .cannotConnect, attempt: "connect to Redis", host: place.description, cause: cause,
            remedy: "check that it listens there, and that no firewall is in the way", kind: .unreachable)
    }

    /// The failure of all Sentinels together: the most informative one, followed by the others.
    init(_ failures: [RedisError], asking group: RedisSentinels) {
        func rank(_ error: RedisError) -> Int {
            switch error.reason {
            case .masterUnreachable, .staleSentinel: 0
            case .masterDown: 1
            case .masterUnknown: 2
            default: error.saysThatNobodyAnswers ? 4 : 3
            }
        }
        guard let first = failures.min(by: { rank($0) < rank($1) }) else {
            self.init(
                .invalidInput, attempt: Self.attempt(group.masterName), host: "", cause: "no Sentinel is specified",
                remedy: "name the Sentinels as redis.sentinel.hosts", kind: .badInput)
            return
        }
        let nobody = rank(first) == 4
        let causes = failures.map { "\($0.host ?? ""): \($0.cause)" }
        let told = failures.count == 1 ? first.cause : causes.joined(separator: "; ")
        self.init(
            nobody ? .noSentinelAnswers : first.reason,
            attempt: nobody ? "ask the Sentinels for the master \(group.masterName)" : first.attempt,
            host: failures.compactMap(\.host).uniqued.joined(separator: ", "),
            cause: nobody && failures.count > 1 ? "none answers: \(told)" : told, remedy: first.remedy,
            kind: first.kind)
    }
}

extension [String] {
    fileprivate var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}
