import Foundation
import Testing

/// The wall clock of the processes that are started with its environment; other clocks go as ever.
struct MovedClock {
    private static let library = Lab.root.appending(path: ".build/debug/libFaultyCalls.so").path
    private let file: FileHandle
    /// For the processes that are to have this clock.
    let environment: [String: String]

    /// A clock that is wrong by so many seconds.
    init(wrongBy seconds: Int64) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "clock-\(UUID().uuidString)").path
        try Data(count: 8).write(to: URL(filePath: path))
        file = try #require(FileHandle(forUpdatingAtPath: path))
        environment = ["LD_PRELOAD": Self.library, "MOVED_CLOCK": path]
        try move(to: seconds)
    }

    /// Makes it wrong by so many seconds from now on, also for processes that have begun.
    func move(to seconds: Int64) throws {
        try file.seek(toOffset: 0)
        try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
    }
}
