import Foundation
import SplitMix

/// The disk under a folder, as a power cut would leave it.
///
/// The files themselves are on a real file system, which shows what the process sees. This keeps what
/// has reached the disk: of a file its content at its last fsync; of a folder its names at its last
/// fsync, and what was done to them since, in its order.
struct SimulatedDisk {
    /// What is in a folder: for each name the number of a node.
    private typealias Names = [String: Int]

    /// One operation on a folder: the names it sets, and those it removes.
    private typealias Operation = [(name: String, node: Int?)]

    private struct Node {
        var isFolder = false
        /// Of a file: what its last fsync has made durable.
        var synced: [UInt8] = []
        /// Of a folder.
        var names: Names = [:]
        var durable: Names = [:]
        var pending: [Operation] = []
    }

    /// What is left of the disk: folders, and files with their content, by path below the root.
    struct Image {
        var folders: [String] = []
        var files: [String: [UInt8]] = [:]
    }

    private let root: String
    private var nodes = [Node(isFolder: true)]

    /// A disk below `root`, on which everything that is there is durable.
    init(root: String) throws {
        self.root = root
        try adopt("", 0)
    }

    private mutating func adopt(_ folder: String, _ number: Int) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(root)\(folder)").sorted(by: Self.precedes) {
            let child = add("\(folder)/\(name)")
            nodes[number].names[name] = child
            if nodes[child].isFolder {
                try adopt("\(folder)/\(name)", child)
            } else {
                nodes[child].synced = content("\(folder)/\(name)")
            }
        }
        nodes[number].durable = nodes[number].names
    }

    /// Takes note of a file call that has succeeded.
    mutating func note(_ call: String, _ path: String, from: String) {
        let path = String(path.dropFirst(root.count))
        switch call {
        case "mkdir": change([(path, add(path))])
        case "link": change([(path, node(String(from.dropFirst(root.count))))])
        case "unlink": change([(path, nil)])
        case "rename":
            let old = String(from.dropFirst(root.count))
            change([(old, nil), (path, node(old))])
        case "fsync", "fdatasync": sync(path)
        default: _ = node(path)
        }
    }

    /// What a power cut leaves: nothing but what is durable, or with `random` also some of the rest.
    ///
    /// Of the operations on a folder the first few survive, of what a file has got since its last fsync
    /// all, nothing or the first lines, or zeros in its place.
    func afterPowerCut(_ random: inout SplitMix64, losesAll: Bool) -> Image {
        var image = Image()
        var contents: [Int: [UInt8]] = [:]
        for (path, number) in live("", 0) where !nodes[number].isFolder { contents[number] = content(path) }
        func leave(_ folder: String, _ number: Int) {
            let node = nodes[number]
            var names = node.durable
            let kept = losesAll ? 0 : Int.random(in: 0...node.pending.count, using: &random)
            for operation in node.pending.prefix(kept) {
                for (name, node) in operation { names[name] = node }
            }
            for (name, number) in names.sorted(by: { $0.value < $1.value }) {
                let (path, node) = ("\(folder)/\(name)", nodes[number])
                if node.isFolder {
                    image.folders.append(path)
                    leave(path, number)
                } else {
                    let latest = contents[number] ?? node.synced
                    image.files[path] = losesAll ? node.synced : Self.rest(of: latest, node.synced, &random)
                }
            }
        }
        leave("", 0)
        return image
    }

    private static func rest(of latest: [UInt8], _ synced: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        guard latest != synced else { return synced }
        guard latest.starts(with: synced) else { return random.oneIn(2) ? latest : synced }
        let tail = latest[synced.count...]
        switch Int.random(in: 0...3, using: &random) {
        case 0: return synced
        case 1: return latest
        case 2: return synced + part(of: tail, &random)
        default: return synced + [UInt8](repeating: 0, count: part(of: tail, &random).count + 1)
        }
    }

    /// Some lines and a piece of the next, the same for a seed however many digits a time has in them.
    private static func part(of tail: ArraySlice<UInt8>, _ random: inout SplitMix64) -> ArraySlice<UInt8> {
        let newline = UInt8(ascii: "\n")
        let lines = tail.split(separator: newline, omittingEmptySubsequences: false)
        let whole = Int.random(in: 0..<lines.count, using: &random)
        let begin = lines[whole].startIndex
        let end = lines[whole].endIndex
        let cut =
            switch Int.random(in: 0...3, using: &random) {
            case 0: begin
            case 1: min(begin + 1, end)
            case 2: begin + (end - begin) / 2
            // All but the line break.
            default: end
            }
        return tail[..<cut]
    }

    private mutating func add(_ path: String) -> Int {
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: root + path, isDirectory: &isFolder)
        nodes.append(Node(isFolder: isFolder.boolValue))
        return nodes.count - 1
    }

    /// The node at `path`; a file that is new gets one, which its folder does not hold durably.
    private mutating func node(_ path: String) -> Int {
        if let number = find(path) { return number }
        let number = add(path)
        change([(path, number)])
        return number
    }

    private func find(_ path: String) -> Int? {
        var number = 0
        for name in path.split(separator: "/") {
            guard let next = nodes[number].names[String(name)] else { return nil }
            number = next
        }
        return number
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        return (String(path[..<slash]), String(path[slash...].dropFirst()))
    }

    private mutating func change(_ changes: [(path: String, node: Int?)]) {
        let operation = changes.map { (name: Self.split($0.path).name, node: $0.node) }
        guard let first = changes.first, let folder = find(Self.split(first.path).folder) else { return }
        for (name, node) in operation { nodes[folder].names[name] = node }
        nodes[folder].pending.append(operation)
    }

    private mutating func sync(_ path: String) {
        let number = node(path)
        guard nodes[number].isFolder else {
            nodes[number].synced = content(path)
            return
        }
        // Files that were opened, and never written to.
        for name in names(in: path) where nodes[number].names[name] == nil { _ = node("\(path)/\(name)") }
        nodes[number].durable = nodes[number].names
        nodes[number].pending = []
    }

    private func names(in folder: String) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: root + folder).sorted(by: Self.precedes)
        } catch {
            fatalError("\(root + folder): \(error)")
        }
    }

    /// An order that a seed repeats: the number in the name of a temporary file is another each time.
    private static func precedes(_ left: String, _ right: String) -> Bool {
        func withoutNumber(_ name: String) -> String {
            name.hasSuffix(".tmp") ? name.split(separator: ".").dropLast(2).joined(separator: ".") : name
        }
        return (withoutNumber(left), left) < (withoutNumber(right), right)
    }

    private func content(_ path: String) -> [UInt8] {
        FileManager.default.contents(atPath: root + path).map { Array($0) } ?? []
    }

    private func live(_ folder: String, _ number: Int) -> [(path: String, node: Int)] {
        nodes[number].names.sorted { $0.value < $1.value }.flatMap { name, child in
            [("\(folder)/\(name)", child)] + (nodes[child].isFolder ? live("\(folder)/\(name)", child) : [])
        }
    }
}

extension SimulatedDisk.Image {
    /// Puts it in the place of whatever is below `root`.
    func write(to root: String) throws {
        let files = FileManager.default
        for name in try files.contentsOfDirectory(atPath: root) { try files.removeItem(atPath: "\(root)/\(name)") }
        for folder in folders {
            try files.createDirectory(
                atPath: root + folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        }
        for (path, content) in self.files {
            guard files.createFile(atPath: root + path, contents: Data(content), attributes: [.posixPermissions: 0o600])
            else { throw CocoaError(.fileWriteUnknown) }
        }
    }
}
