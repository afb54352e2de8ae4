import ClientKit
import Glibc

/// What was made of files, once each and not once a host; again when one has changed.
final class FileCache<Value: Sendable>: Sendable {
    private struct Reading {
        let value: Value
        let version: Version
        /// When it was read, in seconds.
        let time: Int
    }

    /// What changes whenever the file, or who may read it, does.
    private struct Version: Hashable {
        let device: UInt
        let number: UInt
        let size: Int
        let changed: Int
        let changedNanoseconds: Int

        init(_ status: stat) {
            device = status.st_dev
            number = status.st_ino
            size = status.st_size
            changed = status.st_ctim.tv_sec
            changedNanoseconds = status.st_ctim.tv_nsec
        }
    }

    private let readings = Locked<[String: Reading]>([:])

    /// What `read` makes of the file at `path`; what fails is not kept.
    func value<Failure: Error>(
        at path: String, read: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        // Other callers wait for this reading, instead of doing the same.
        try readings.withLock { (readings) throws(Failure) in
            var status = stat()
            let isThere = stat(path, &status) == 0
            let version = Version(status)
            // Within the same second it may have changed again, and look the same.
            if isThere, let known = readings[path], known.version == version, version.changed + 1 < known.time {
                return known.value
            }
            let now = time(nil)
            let value = try read()
            // One that changes while it is read has another version the next time.
            if isThere { readings[path] = Reading(value: value, version: version, time: now) }
            return value
        }
    }
}
