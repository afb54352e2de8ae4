import Testing

/// Everything that only a real API server can prove; the nested suites share one.
@Suite(
    .serialized, .enabled(if: APIServer.isAvailable, "no kube-apiserver in the rehearsal cluster's cache, or no etcd"),
    .apiServer)
struct ServerTests {}
