import Glibc

/// How many files this process may have open at once.
enum DescriptorLimit {
    /// Raises it to what the system permits without asking: each host needs a few, and the usual 1024 end
    /// at some hundred hosts.
    ///
    /// What is lacking all the same is named where it is lacking, with the remedy.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
