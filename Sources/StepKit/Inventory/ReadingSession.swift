/// What was collected while reading one inventory: mistakes, positions, and the keys that were
/// read.
package final class ReadingSession {
    /// A key that the decoder reads, for comparison with the published schema.
    struct Key: Hashable {
        var path: String
        var kind: JSONKind
        var isRequired: Bool
        var fallback: InventoryValue?
        var choices: [String]?
        var range: ClosedRange<Int>?
        /// The minimum number of elements of an array.
        var minimum: Int?
    }

    /// The folder against which relative paths are resolved.
    let folder: String
    /// What `~` expands to.
    let home: String
    /// Whether optional parts that are absent are read too, for the sake of ``keys``.
    let isProbe: Bool
    private(set) var problems: [InventoryProblem] = []
    private(set) var keys: [Key] = []
    private var positions: [String: TextPosition] = [:]

    init(folder: String, home: String, isProbe: Bool = false) {
        self.folder = folder
        self.home = home
        self.isProbe = isProbe
    }

    /// Remembers that the decoder knows `key`.
    func note(_ key: Key) {
        keys.append(key)
    }

    /// Remembers the position of `path`.
    func place(_ path: String, at position: TextPosition) {
        positions[path] = position
    }

    /// Adds a mistake at `path`, with its position in the text or that of what should contain it.
    package func report(_ path: String, _ message: String) {
        report(path, at: nil, message)
    }

    /// Adds a mistake at `path`, with `position` if that is known.
    func report(_ path: String, at position: TextPosition?, _ message: String) {
        problems.append(InventoryProblem(path: path, at: position ?? nearestPosition(to: path), message))
    }

    /// Whether `path` itself is valid, so that it can be compared with other values.
    package func isSound(_ path: String) -> Bool {
        !problems.contains { $0.path == path }
    }

    /// Whether all of `paths` are valid.
    package func areSound(_ paths: String...) -> Bool {
        paths.allSatisfy(isSound)
    }

    /// Whether `path` is in the text, rather than left to its default.
    func isWritten(_ path: String) -> Bool { positions[path] != nil }

    /// The line of `path`, for messages that refer to another place.
    func line(of path: String) -> Int {
        nearestPosition(to: path)?.line ?? 1
    }

    private func nearestPosition(to path: String) -> TextPosition? {
        var path = Substring(path)
        while positions[String(path)] == nil, let cut = path.lastIndex(where: { $0 == "." || $0 == "[" }) {
            path = path[..<cut]
        }
        return positions[String(path)] ?? positions[""]
    }
}
