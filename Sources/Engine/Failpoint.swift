import ClientKit
import StepKit

/// A place where the engine decides or writes.
///
/// See `Failpoints`; nothing in release builds.
@inline(__always)
func failpoint(_ name: StaticString) throws(StepFailure) {
    #if DEBUG
        if Failpoints.reach(name) {
            throw StepFailure("reach \(name)", cause: "a test lets it fail", remedy: "run `runner resume`")
        }
    #endif
}
