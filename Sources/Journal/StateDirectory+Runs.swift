import Glibc

extension StateDirectory {
    /// All runs, newest first.
    public func runs() throws(JournalError) -> [RunReader] {
        try Disk.names(in: "\(path)/runs").compactMap(RunID.init).sorted(by: >).map(reader)
    }

    /// The newest run; reads no other.
    ///
    /// A directory without run.json is none.
    public func newestRun() throws(JournalError) -> RunReader? { try newestRun(among: try names()) }

    /// The newest run of those names under runs/.
    func newestRun(among names: [String]) throws(JournalError) -> RunReader? {
        for name in names.reversed() {
            if let id = RunID(name), try hasHeader(name) { return reader(id) }
        }
        return nil
    }

    /// All names under runs/, in their order.
    func names() throws(JournalError) -> [String] { try Disk.names(in: "\(path)/runs", hidden: true) }

    /// Whether the directory of this name under runs/ has a run.json.
    func hasHeader(_ name: String) throws(JournalError) -> Bool { try Disk.exists("\(path)/runs/\(name)/run.json") }

    /// The run of this id, where there is one.
    public func run(_ id: RunID) throws(JournalError) -> RunReader? {
        try Disk.exists("\(path)/runs/\(id)") ? reader(id) : nil
    }

    func reader(_ id: RunID) -> RunReader {
        RunReader(id: id, path: "\(path)/runs/\(id)")
    }

    /// Where a run's directory is made, before it gets the run's name with everything in it.
    func nursery(_ id: RunID) -> String { "\(path)/runs/.\(id).new" }

    /// Whether a name under runs/ is that of a directory that is being made.
    static func isBeingMade(_ name: String) -> Bool { beingMade(name) != nil }

    /// The run whose directory of this name under runs/ is being made.
    static func beingMade(_ name: String) -> RunID? {
        name.hasPrefix(".") && name.hasSuffix(".new") ? RunID(String(name.dropFirst().dropLast(4))) : nil
    }

    /// Whether a name under runs/ is one that ``setAside(module:)`` gives.
    static func isSetAside(_ name: String) -> Bool {
        guard name.utf8.contains(UInt8(ascii: ".")) else { return false }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && RunID(String(parts[0])) != nil && parts[1].hasPrefix("set-aside-")
    }
}
