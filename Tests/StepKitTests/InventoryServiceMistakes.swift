/// Mistakes about PostgreSQL and Redis, most of them keys that do not fit each other.
extension InventoryMistakeTests {
    static let services = [
        Case("\"port\": 6379", "\"sentinel\": {}", "redis.sentinel.hosts", 24, "is missing"),
        Case(
            "\"port\": 6379", "\"sentinel\": { \"hosts\": [\"a:b\"] }", "redis.sentinel.hosts[0]", 24,
            "must be a host or host:port"),
        Case(
            "\"port\": 6379", "\"sentinel\": { \"hosts\": [\"a:70000\"] }", "redis.sentinel.hosts[0]", 24,
            "must be a host or host:port"),
        Case(
            "\"port\": 6379", "\"sentinel\": { \"hosts\": [\"a\"], \"master\": \"a/1\" }", "redis.sentinel.master", 24,
            "must be letters, digits, dots"),
        Case(
            "\"port\": 6379", "\"rootCertificate\": \"ca.pem\"", "redis.rootCertificate", 24, "set \"tls\" to true"),
        Case(
            "\"port\": 6379", "\"tls\": true, \"sentinel\": { \"hosts\": [\"a\"] }", "redis.tls", 24,
            "Chatwoot does not use TLS for them"),
        Case(
            "\"port\": 6379", "\"sentinel\": { \"hosts\": [\"a\", \"[fd00::1]:26379\"] }", "redis.sentinel.hosts[1]",
            24,
            "cuts at its first colon"),
        Case(
            "\"port\": 6379", "\"sentinel\": { \"hosts\": [\"a\", \"a:26379\"] }", "redis.sentinel.hosts", 24,
            "list a Sentinel twice"),
        Case("\"port\": 6379", "\"user\": \"a@b\"", "redis.user", 24, "cannot read others in REDIS_URL"),
        Case(
            "\"port\": 5432", "\"sslmode\": \"verify-full\"", "postgres.sslmode", 23, "needs \"rootCertificate\""),
        Case("\"port\": 5432", "\"sslmode\": \"verify-ca\"", "postgres.sslmode", 23, "needs \"rootCertificate\""),
        Case(
            "\"port\": 5432", "\"sslmode\": \"verify-ca\", \"rootCertificate\": \"system\"", "postgres.sslmode", 23,
            "use verify-full"),
        Case(
            "\"port\": 5432", "\"sslmode\": \"require\", \"rootCertificate\": \"ca.pem\"", "postgres.rootCertificate",
            23, "not with require"),
        Case(
            "\"port\": 5432", "\"rootCertificate\": \"ca.pem\"", "postgres.rootCertificate", 23, "not with prefer"),
    ]
}
