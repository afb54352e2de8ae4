import ClientKit

/// The question with which a server refuses changes of a run that no longer has its module, in SQL that every role may run.
///
/// It comes with the change and in its transaction. Advisory locks carry the fencing numbers: each run has one of its own,
/// so that they hold up nobody, for as long as a session that can change something is open, and a second one while a
/// change is under way. Nothing of it outlives the session: a table of numbers would need a right to create it.
struct SQLFence {
    /// Why a server refuses a change.
    enum Refusal: Sendable, Hashable {
        /// Another run may have the module by now.
        case late
        /// The run with this number has it.
        case stale(number: Int)
        /// The server process with this number still carries out a change of an earlier run.
        case busy(process: Int)
    }

    private enum Mark: Int64 {
        case present, underWay
    }

    let fence: Fence
    /// When changes end, in seconds since 1970 by the server's clock; `nil` where it has told none.
    let end: Double?

    /// The key of the lock that each session of the run has that can change something.
    static func presence(of fence: Fence) -> Int64 { key(.present, fence.module, fence.number) }

    /// Makes the following statements of the same transaction fail unless the run may change something now.
    var guarding: [String] {
        ["SELECT pg_catalog.pg_advisory_xact_lock_shared(\(underWay))", question]
    }

    /// The same for a change that is no part of a transaction: the lock is the session's, until ``leaving``.
    ///
    /// The server ends a session that does not go on at once, as where this machine stands still.
    func entering(server version: Int) -> [String] {
        let lock = "SELECT pg_catalog.pg_advisory_lock_shared(\(underWay))"
        guard version >= Self.hasIdleLimit else { return [lock, question] }
        return [lock, question, "SET idle_session_timeout = '5s'"]
    }

    /// Undoes ``entering(server:)``.
    func leaving(server version: Int) -> [String] {
        let unlock = "SELECT pg_catalog.pg_advisory_unlock_shared(\(underWay))"
        return version >= Self.hasIdleLimit ? ["RESET idle_session_timeout", unlock] : [unlock]
    }

    private static let hasIdleLimit = 140_000

    private var underWay: Int64 { Self.key(.underWay, fence.module, fence.number) }

    /// Fails by a conversion: there may be no procedural language.
    ///
    /// It is short, since pg_stat_activity shows the first 1,024 bytes of what is sent together.
    private var question: String {
        let (module, number) = (fence.module, fence.number)
        let tooLate = end.map { "WHEN extract(epoch FROM clock_timestamp()) >= \($0) THEN '\(Self.mark) late' " } ?? ""
        return "SELECT CAST(CASE \(tooLate)WHEN n > \(number) THEN '\(Self.mark) stale ' || n "
            + "WHEN p > 0 THEN '\(Self.mark) busy ' || p ELSE '0' END AS integer) FROM "
            + "(SELECT max(k & \(Self.lastNumber)) AS n, min(pid) FILTER (WHERE k BETWEEN "
            + "\(Self.key(.underWay, module, 0)) AND \(Self.key(.underWay, module, number) - 1)) AS p FROM "
            + "(SELECT pid, classid::bigint << 32 | objid::bigint AS k FROM pg_catalog.pg_locks "
            + "WHERE locktype = 'advisory' AND objsubid = 1 AND granted) l WHERE k BETWEEN "
            + "\(Self.key(.present, module, 0)) AND \(Self.key(.underWay, module, Self.lastNumber))) m"
    }

    private static let mark = "keybuzz-runner:"
    private static let tag: Int64 = 0x4B42
    private static let lastNumber = (1 << 36) - 1

    /// 16 bits for the runner, 11 for the module, one for the mark, 36 for the number.
    private static func key(_ mark: Mark, _ module: Int, _ number: Int) -> Int64 {
        tag << 48 | Int64(module & 0x7ff) << 37 | mark.rawValue << 36 | Int64(number & lastNumber)
    }

    /// What the question's failure means; `nil` for any other message of the server.
    static func refusal(in message: ServerMessage) -> Refusal? {
        guard message.sqlState == "22P02",
            let words = message.message.firstMatch(of: /"keybuzz-runner: (late|stale|busy)(?: ([0-9]+))?"/)
        else { return nil }
        let number = words.2.flatMap { Int($0) } ?? 0
        return switch words.1 {
        case "late": .late
        case "stale": .stale(number: number)
        default: .busy(process: number)
        }
    }
}

extension PostgresError {
    /// The server refused a change by ``SQLFence``.
    init(_ refusal: SQLFence.Refusal, attempt: String, host: String?, within limit: TimeLimit) {
        switch refusal {
        case .late:
            self.init(
                .fenced, attempt: attempt, host: host, cause: Fence.tooLate(for: "the server"),
                remedy: Fence.remedy + "; if there is none, check whether the server's clock was set", kind: .busy)
        case .stale(let number):
            self.init(
                .fenced, attempt: attempt, host: host,
                cause: "a later run has taken the module, and is at work there: its number is \(number)",
                remedy: Fence.remedy,
                kind: .busy)
        case .busy(let process):
            let obstruction = Obstruction(
                id: "\(process)", words: "a change of an earlier run (process \(process) of the server)", limit: limit)
            self.init(
                .fenced, attempt: attempt, host: host,
                cause: "\(obstruction.words) is still under way, also after \(limit.inWords)",
                remedy: "look at it in pg_stat_activity; wait until it has ended, or end it with "
                    + "`SELECT pg_terminate_backend(\(process))`; then `runner resume`",
                kind: .busy, obstruction: obstruction)
        }
    }
}
