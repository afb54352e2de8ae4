import Foundation

/// Whether tests try all that they can: `make torture` sets RUNNER_TORTURE.
public let isThorough = ProcessInfo.processInfo.environment["RUNNER_TORTURE"] != nil
