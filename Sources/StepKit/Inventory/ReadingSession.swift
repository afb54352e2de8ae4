/// What the reading of one inventory has gathered: mistakes, places, and which keys were asked for.
package final class ReadingSession {
    /// One key the decoder asked for, to be compared with the published schema.
    struct Key: Hashable {
        var path: String
        var kind: JSONKind
        var isRequired: Bool
        var fallback: InventoryValue?
        var choices: [String]?
        var range: ClosedRange<Int>?
        /// The least number of elements of an array.
        var minimum: Int?
    }

    /// Where relative paths begin.
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

    /// Remembers where `path` stands.
    func place(_ path: String, at position: TextPosition) {
        positions[path] = position
    }

    /// Adds a mistake at `path`, at its place in the text or that of what should contain it.
    package func report(_ path: String, _ message: String) {
        report(path, at: nil, message)
    }

    /// Adds a mistake at `path`, which stands at `position` if that is known.
    func report(_ path: String, at position: TextPosition?, _ message: String) {
        problems.append(InventoryProblem(path: path, at: position ?? nearestPosition(to: path), message))
    }

    /// Whether nothing was found wrong with `path` itself, so that comparing it with others makes sense.
    package func isSound(_ path: String) -> Bool {
        !problems.contains { $0.path == path }
    }

    /// Whether all of `paths` are sound.
    package func areSound(_ paths: String...) -> Bool {
        paths.allSatisfy(isSound)
    }

    /// The line `path` stands on, for messages that point from one place to another.
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
