import ClientKit
import StepKit

/// What an exception in the log of Chatwoot's pods shows, and its cause: a row of ``table``.
///
/// Several exceptions name a symptom and hide the cause; for those, the row checks what they point
/// to.
struct LogSymptom: Sendable {
    /// Names the row.
    let id: ID
    /// The exceptions that indicate it.
    let exceptions: [Pattern]
    /// Determines the cause, by checking the platform if necessary.
    let cause: @Sendable (Place, SiteReader) async throws -> Cause

    /// The kind of symptom.
    enum ID: String, CaseIterable, Sendable {
        /// The server has no files of an extension that a migration creates.
        case extensionNotInstalled
        /// A migration creates an extension that only the admin may create.
        case extensionDenied
        /// A type, function or operator class of an extension is missing.
        case extensionMissing
        /// Chatwoot's role lacks a privilege.
        case rightMissing
        /// None of the schemas in the role's search_path exists.
        case schemaUnset
        /// A table or column that a migration creates is missing.
        case schemaBehind
        /// A migration creates what already exists.
        case schemaAhead
        /// A statement exceeded its time limit, or waited for a lock.
        case statementTimeout
        /// Two transactions or migrations block each other.
        case concurrentMigration
        /// PostgreSQL's disk or memory is full.
        case databaseFull
        /// The server that the pods reach is read-only.
        case databaseReadOnly
        /// A pooler may use another session for each transaction.
        case transactionPool
        /// The pool of one process has fewer connections than it has threads.
        case poolTooSmall
        /// PostgreSQL refuses the login, cannot be reached, or closed the connection: all of these
        /// have one class, and Rails reports some of them as a missing database.
        case databaseLogin
        /// Redis refuses the user, the password or the command.
        case redisLogin
        /// The Redis that the pods reach is read-only.
        case redisReadOnly
        /// The image's Redis client cannot query Sentinels.
        case redisSentinels
        /// The Redis that the pods reach belongs to a Redis Cluster.
        case redisCluster
        /// Redis has fewer replicas than it requires for writes.
        case redisReplicas
        /// Redis is out of memory, or refuses writes because it cannot write its snapshot.
        case redisFull
        /// Redis cannot be reached, or is not ready.
        case redisUnreachable
        /// A host's name has no address in the pods.
        case nameUnknown
        /// The TLS handshake fails.
        case tls
        /// The process needs more memory than its limit.
        case memory
        /// A folder in the container is not writable, or its disk is full.
        case containerDisk
        /// The process may not read or write a file in the container.
        case containerRights
        /// The image is for another CPU architecture.
        case wrongPlatform
        /// The image lacks a library that its own code loads.
        case imageIncomplete
        /// A value of the environment breaks a file that the image reads it into.
        case valueBreaksFile
    }

    /// The place that the log is from: a step is never the remedy for its own failure.
    enum Place: Sendable {
        /// The Job that migrates the database.
        case migration
        /// The pods that serve.
        case pods
    }

    /// Exception classes, and what the message must mention if the class alone is not specific
    /// enough.
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

    /// What a server's message mentions: objects, files and error codes, which are the same in
    /// every language.
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

    /// The row for the exception that ended the program, by its innermost known cause; `nil` if
    /// none is known.
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

    /// All rows, the most specific first: the first one that an exception matches counts.
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
