import StepKit

extension LogSymptom {
    private static let connecting: Set = [
        "PG::ConnectionBad", "Redis::CannotConnectError", "RedisClient::CannotConnectError",
    ]

    /// The connections to PostgreSQL and Redis: host names and TLS.
    ///
    /// Their clients have one class for all connection failures; the messages of libpq, libc and
    /// OpenSSL are not translated in the image.
    static let way = [
        LogSymptom(
            .nameUnknown,
            [
                Pattern(["SocketError", "Socket::ResolutionError"]),
                Pattern(
                    connecting,
                    .oneOf(["could not translate host name", "getaddrinfo", "Hostname resolution"])),
            ]
        ) { _, site in
            Cause(
                "a host's name in Chatwoot's environment has no address in the pods",
                remedy:
                    "check that the name in \(site.inventory.path) is right, "
                    + "and that CoreDNS responds to the pods: "
                    + "kubectl -n kube-system get pods -l k8s-app=kube-dns")
        },
        LogSymptom(
            .tls,
            [
                Pattern(["OpenSSL::SSL::SSLError"]),
                Pattern(
                    connecting,
                    .oneOf([
                        "SSL error", "does not support SSL", "root certificate file",
                        "could not load system root certificate", "server certificate for",
                        "could not read certificate", "SSL_connect", "certificate verify failed",
                    ])),
            ]
        ) { _, site in
            Cause(
                "the TLS handshake with a service that the pods use fails: only one side uses TLS, "
                    + "or the certificate is not trusted",
                remedy:
                    "compare the TLS settings of PostgreSQL, Redis and SMTP in "
                    + "\(site.inventory.path) with the servers'"
            )
        },
    ]
}
