import ClientKit
import CLibPQ
import Foundation

/// Why a login failed.
enum LoginFailure: Error {
    /// The server reported the reason.
    case server(ServerMessage)
    case noAddress(LookUpFailure)
    case cannotConnect(String)
    case closedBeforeLogin(String)
    case tls(String)
    case notPostgres(String)
    case deadline
    case interrupted
}

/// One libpq connection, from connecting to `PQfinish`.
///
/// Not `Sendable`: it lives inside one actor, on whose executor all its calls are made.
final class LibPQHandle {
    let pointer: OpaquePointer
    private let notices = Notices()

    /// Connects and logs in; the error shows how far that got.
    init(parameters: [(String, String)], deadline: ContinuousClock.Instant) throws(LoginFailure) {
        LibPQEnvironment.ignored
        guard let pointer = start(parameters) else { throw .cannotConnect("out of memory") }
        self.pointer = pointer
        // libpq keeps no SQLSTATE of a failed login; in this verbosity its text carries the code at
        // a fixed place.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        PQsetNoticeReceiver(
            pointer, { Notices.receive(from: $1, into: $0) }, Unmanaged.passUnretained(notices).toOpaque())
        try logIn(until: deadline)
        PQsetnonblocking(pointer, 1)
    }

    deinit {
        PQfinish(pointer)
    }

    /// Whether the connection is up as far as this side knows, without a round trip.
    var isAlive: Bool {
        // A server that has gone (or a load balancer that has closed an idle connection) is noticed
        // by reading everything that has arrived: its last message, then the end of the stream.
        while PQstatus(pointer) == CONNECTION_OK {
            var entry = pollfd(fd: PQsocket(pointer), events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 0) > 0 else { return true }
            guard PQconsumeInput(pointer) == 1 else { return false }
        }
        return false
    }

    var backendPID: Int32 { PQbackendPID(pointer) }

    var errorText: String { PQerrorMessage(pointer).map { String(cString: $0).oneLine } ?? "" }

    /// The server's notices since the last call.
    func takeNotices() -> [ServerMessage] {
        defer { notices.all = [] }
        return notices.all
    }

    private func logIn(until deadline: ContinuousClock.Instant) throws(LoginFailure) {
        var wanted = PGRES_POLLING_WRITING
        guard PQstatus(pointer) != CONNECTION_BAD else { throw .cannotConnect(errorText) }
        while wanted != PGRES_POLLING_OK {
            // The socket is a different one after libpq has started its next attempt.
            let events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT
            switch waitForSocket(PQsocket(pointer), events: Int32(events), until: deadline) {
            case .ready: break
            case .deadline: throw .deadline
            case .interrupted: throw .interrupted
            }
            let phase = PQstatus(pointer)
            let isClosed = wanted == PGRES_POLLING_READING && peerHasClosed(PQsocket(pointer))
            wanted = PQconnectPoll(pointer)
            if wanted == PGRES_POLLING_FAILED { throw failure(in: phase, peerHasClosed: isClosed) }
        }
    }

    private func failure(in phase: ConnStatusType, peerHasClosed: Bool) -> LoginFailure {
        let text = PQerrorMessage(pointer).map { String(cString: $0) } ?? ""
        if let answer = ServerMessage(verboseText: text) { return .server(answer) }
        if phase == CONNECTION_STARTED { return .cannotConnect(text.oneLine) }
        if peerHasClosed { return .closedBeforeLogin(text.oneLine) }
        return phase == CONNECTION_SSL_STARTUP ? .tls(text.oneLine) : .notPostgres(text.oneLine)
    }
}

/// Environment variables that would change the connection.
private enum LibPQEnvironment {
    /// Removes every variable that libpq reads from this process's environment, once.
    ///
    /// Most are overridden by explicit parameters anyway; `PGSERVICE`, `PGOPTIONS`, `PGTZ`,
    /// `PGDATESTYLE`, `PGGEQO` and those of later libpq versions can only be avoided this way.
    static let ignored: Void = {
        var names = ["PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR", "PGTZ", "PGDATESTYLE", "PGGEQO", "PGREALM"]
        if let options = PQconndefaults() {
            var option = options
            while option.pointee.keyword != nil {
                if let variable = option.pointee.envvar { names.append(String(cString: variable)) }
                option += 1
            }
            PQconninfoFree(options)
        }
        for name in names { unsetenv(name) }
    }()
}

/// Passes `parameters` to libpq, which copies them.
private func start(_ parameters: [(String, String)]) -> OpaquePointer? {
    keepOpenSSLAtExit()
    let copies = parameters.map { (strdup($0.0), strdup($0.1)) }
    defer {
        for (keyword, value) in copies {
            free(keyword)
            free(value)
        }
    }
    let keywords = copies.map { UnsafePointer($0.0) } + [nil]
    let values = copies.map { UnsafePointer($0.1) } + [nil]
    return PQconnectStartParams(keywords, values, 0)
}

private func peerHasClosed(_ descriptor: Int32) -> Bool {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)
}

/// The server's notices, which libpq would otherwise print on standard error.
private final class Notices {
    var all: [ServerMessage] = []

    static func receive(from result: OpaquePointer?, into context: UnsafeMutableRawPointer?) {
        guard let result, let context else { return }
        Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue().all.append(ServerMessage(result: result))
    }
}

extension ServerMessage {
    /// The fields of an error or notice result; libpq's own errors have no SQLSTATE.
    init(result: OpaquePointer) {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        self.init(
            sqlState: field("C") ?? "",
            message: (field("M") ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "").oneLine,
            detail: field("D")?.oneLine, hint: field("H")?.oneLine)
    }

    /// The server's message within libpq's text after a failed login:
    /// `…FATAL:  28P01: password authentication failed…`.
    ///
    /// The last one counts: with sslmode `prefer` there may be one for the attempt with TLS before
    /// it.
    init?(verboseText text: String) {
        guard let match = text.matches(of: /: {2}([0-9A-Z]{5}): ([^\n]*)/).last else { return nil }
        self.init(sqlState: String(match.1), message: String(match.2))
    }
}

extension String {
    /// The text without line breaks, as required for a cause.
    var oneLine: String {
        split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "; ")
    }
}
