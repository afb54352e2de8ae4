import ClientKit
import Glibc

/// A place where the journal decides or writes.
///
/// See `Failpoints`; nothing in release builds.
@inline(__always)
func failpoint(_ name: StaticString) throws(JournalError) {
    #if DEBUG
        if Failpoints.reach(name) { throw .system("reach", "\(name)", EIO) }
    #endif
}
