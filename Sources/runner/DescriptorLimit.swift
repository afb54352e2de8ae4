import Glibc

/// The limit of files that this process may have open.
enum DescriptorLimit {
    /// Raises it to the hard limit: each host needs a few, and the usual 1024 run out
    /// at some hundred hosts.
    ///
    /// If it is still too low, the error at that place says so, with the remedy.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
