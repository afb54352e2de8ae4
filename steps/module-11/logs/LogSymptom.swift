import ClientKit
import StepKit

/// What an exception in the log of Chatwoot's pods shows, and its cause: a row of ``table``.
///
/// Several exceptions name a symptom and hide the cause; for those the row looks where they point.
struct LogSymptom: Sendable {
    /// Names the row.
    let id: ID
    /// The exceptions that show it.
    let exceptions: [Pattern]
    /// The cause, found out by looking where that is needed.
    let cause: @Sendable (Place, SiteReader) async throws -> Cause

    /// A symptom.
    enum ID: String, CaseIterable, Sendable {
        /// The server has no files of an extension that a migration creates.
        case extensionNotInstalled
        /// A migration creates an extension that only the admin may create.
        case extensionDenied
        /// A type, function or operator class that comes with an extension is not there.
        case extensionMissing
        /// Chatwoot's role lacks a right.
        case rightMissing
        /// None of the schemas in the role's search_path is there.
        case schemaUnset
        /// A table or column that a migration makes is not there.
        case schemaBehind
        /// A migration makes what is there already.
        case schemaAhead
        /// A statement took longer than it may, or waited for a lock.
        case statementTimeout
        /// Two transactions or migrations block each other.
        case concurrentMigration
        /// PostgreSQL's disk or memory is full.
        case databaseFull
        /// The server that the pods reach only reads.
        case databaseReadOnly
        /// A pooler gives each transaction another session.
        case transactionPool
        /// The pool of one process has fewer connections than it has threads.
        case poolTooSmall
        /// PostgreSQL refuses the login, is not reached, or cut the connection: one class for all of it, and Rails reports
        /// some of it as a missing database.
        case databaseLogin
        /// Redis refuses the user, the password or the command.
        case redisLogin
        /// The Redis that the pods reach only reads.
        case redisReadOnly
        /// The image's Redis client cannot ask Sentinels.
        case redisSentinels
        /// The Redis that the pods reach belongs to a Redis Cluster.
        case redisCluster
        /// Redis has fewer replicas than it needs for writing.
        case redisReplicas
        /// Redis is out of memory, or refuses writes since it cannot write its snapshot.
        case redisFull
        /// Redis is not reached, or is not ready.
        case redisUnreachable
        /// A host's name has no address in the pods.
        case nameUnknown
        /// TLS is not agreed on.
        case tls
        /// The process needs more memory than its limit.
        case memory
        /// A folder of the container cannot be written to, or its disk is full.
        case containerDisk
        /// The process may not read or write a file of the container.
        case containerRights
        /// The image is for another kind of processor.
        case wrongPlatform
        /// The image lacks a library that its own code loads.
        case imageIncomplete
        /// A value of the environment breaks a file that the image reads it into.
        case valueBreaksFile
    }

    /// Whose log it is: a step is never the remedy for its own failure.
    enum Place: Sendable {
        /// The Job that migrates the database.
        case migration
        /// The pods that serve.
        case pods
    }

    /// Classes of exceptions, and what the server's message names if the class alone is not specific enough.
    struct Pattern: Sendable {
        let classes: Set<String>
        let mention: Mention

        init(_ classes: Set<String>, _ mention: Mention = .anything) {
            self.classes = classes
            self.mention = mention
        }

        func matches(_ exception: RubyException) -> Bool {
            classes.contains(exception.name) && mention.isIn(exception.message)
        }
    }

    /// What a server's words name: objects, files and error codes, which are the same in every language.
    enum Mention: Sendable {
        case anything
        /// A file `NAME.control`, or an extension.
        case anExtension
        /// One of these names.
        case oneOf([String])
        /// One of Redis' error codes, the first word of its answer.
        case redisCode([String])

        func isIn(_ message: String) -> Bool {
            switch self {
            case .anything: true
            case .anExtension: message.contains(/\.control"|extension "/)
            case .oneOf(let names): names.contains { message.contains($0) }
            case .redisCode(let codes): codes.contains(String(message.prefix(while: \.isUppercase)))
            }
        }
    }

    /// The row of the exception that ended the program, by its innermost known cause; `nil` where none is known.
    init?(_ log: some Sequence<String>) {
        let found = RubyLog(log).lastRaised.lazy.compactMap { exception in
            Self.table.first { row in row.exceptions.contains { $0.matches(exception) } }
        }.first
        guard let found else { return nil }
        self = found
    }

    init(
        _ id: ID, _ exceptions: [Pattern],
        cause: @escaping @Sendable (Place, SiteReader) async throws -> Cause
    ) {
        self.id = id
        self.exceptions = exceptions
        self.cause = cause
    }

    /// All rows, the most specific first: of those that an exception matches, the first counts.
    static let table = extensions + schema + way + databaseServer + redisServer + container
}

/// A cause and what to do about it.
struct Cause: Sendable, Hashable {
    let cause: String
    let remedy: String

    init(_ cause: String, remedy: String) {
        self.cause = cause
        self.remedy = remedy
    }

    init(_ error: any ExplainedError) {
        self.init(error.cause, remedy: error.remedy)
    }
}
