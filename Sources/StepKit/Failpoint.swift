import ClientKit

/// A place where something is decided or written that a run relies on later.
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
