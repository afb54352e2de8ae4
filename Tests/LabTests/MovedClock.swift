import Foundation
import Testing

/// The clocks of the processes that are started with its environment.
struct MovedClock {
    private static let library = Lab.root.appending(path: ".build/debug/libFaultyCalls.so").path
    private let file: FileHandle
    /// For the processes that are to have this clock.
    let environment: [String: String]

    /// A clock that is wrong by so many seconds.
    init(wrongBy seconds: Int64 = 0) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "clock-\(UUID().uuidString)").path
        try Data(count: 16).write(to: URL(filePath: path))
        file = try #require(FileHandle(forUpdatingAtPath: path))
        environment = ["LD_PRELOAD": Self.library, "MOVED_CLOCK": path]
        try move(to: seconds)
    }

    /// Makes it wrong by so many seconds from now on, also for processes that have begun.
    ///
    /// Clocks other than the wall clock go on as ever.
    func move(to seconds: Int64) throws { try write(seconds, at: 0) }

    /// Lets so many seconds pass as while a machine sleeps: also by the clock that a lease's term is measured on.
    func sleep(seconds: Int64) throws { try write(seconds, at: 8) }

    private func write(_ seconds: Int64, at offset: UInt64) throws {
        try file.seek(toOffset: offset)
        try file.write(contentsOf: withUnsafeBytes(of: seconds) { Data($0) })
    }
}
