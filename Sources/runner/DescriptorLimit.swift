import Glibc

/// The limit on open files of this process.
enum DescriptorLimit {
    /// Raises it to the hard limit: each host needs a few, and the usual 1024 are not enough for
    /// some hundred hosts.
    ///
    /// If it is still too low, the error of the call that fails says so, with a remedy.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
