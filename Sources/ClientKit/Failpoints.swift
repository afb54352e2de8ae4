#if DEBUG
    import Glibc

    /// The named places where a test kills, stops or fails this process.
    ///
    /// They are wherever the runner decides or writes, and in debug builds only.
    /// `RUNNER_FAILPOINT=NAME:NUMBER:ACTION` chooses the one that is hit, the NUMBER-th time that it
    /// is reached, with the ACTION `kill`, `pause` (the process stops until it is sent SIGCONT) or
    /// `error`. `RUNNER_FAILPOINT_LOG` names a file that gets a line for each that is reached.
    public enum Failpoints {
        private static let counts = Locked<[String: Int]>([:])
        private static let chosen = environment("RUNNER_FAILPOINT").map { $0.split(separator: ":").map(String.init) }
        private static let log = environment("RUNNER_FAILPOINT_LOG")

        /// Notes that the place is reached, and does what is chosen for it; whether it is to fail.
        public static func reach(_ name: StaticString) -> Bool {
            guard chosen != nil || log != nil else { return false }
            let name = "\(name)"
            let count = counts.withLock { counts in
                counts[name, default: 0] += 1
                return counts[name, default: 0]
            }
            if let log { note("\(name) \(count)\n", in: log) }
            guard let chosen, chosen.count == 3, chosen[0] == name, chosen[1] == "\(count)" else { return false }
            switch chosen[2] {
            case "kill": kill(getpid(), SIGKILL)
            // To this very thread, which does nothing more before it stops.
            case "pause": raise(SIGSTOP)
            default: return true
            }
            return false
        }

        private static func note(_ line: String, in path: String) {
            let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            precondition(file >= 0 && write(file, line, line.utf8.count) == line.utf8.count, "the log of failpoints")
            close(file)
        }

        private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    }
#endif
