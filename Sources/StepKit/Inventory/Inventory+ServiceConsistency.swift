extension Inventory {
    /// Reports settings of the services that contradict each other.
    func checkServices(_ session: ReadingSession) {
        if session.areSound("redis.tls", "redis.rootCertificate"), redis.rootCertificate != nil, !redis.usesTLS {
            session.report("redis.rootCertificate", "is used with TLS only: set \"tls\" to true")
        }
        checkSentinel(session)
        guard session.areSound("postgres", "postgres.sslmode", "postgres.rootCertificate") else { return }
        let mode = postgres.sslmode
        switch (mode.verifies, postgres.rootCertificate) {
        case (true, nil):
            session.report(
                "postgres.sslmode",
                "\(mode.rawValue) needs \"rootCertificate\": the file of the authority that signs the server's "
                    + "certificate, or \"system\"")
        case (false, .some):
            session.report(
                "postgres.rootCertificate",
                "is used with sslmode verify-full or verify-ca only, not with \(mode.rawValue)")
        case (true, .system) where mode == .verifyCA:
            session.report(
                "postgres.sslmode",
                "verify-ca accepts any certificate of a public authority when rootCertificate is "
                    + "\"system\"; use verify-full")
        default: break
        }
    }
}

extension Inventory.PostgresService.SSLMode {
    /// Whether the server's certificate is verified.
    public var verifies: Bool { self == .verifyCA || self == .verifyFull }
}
