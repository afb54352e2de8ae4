import ClientKit
public import Foundation
public import Postgres

/// A PostgreSQL server of the tests' own: SCRAM, TLS for `db.test`, every statement in its log.
public final class PostgresServer: Sendable {
    /// The one that a suite's tests share.
    @TaskLocal public static var current: PostgresServer?

    /// Its administrator's password, hostile to careless quoting.
    public static let adminPassword = "adm1n'\"\\$%s {}"
    /// Where it listens, on 127.0.0.1.
    public let port: UInt16
    /// Its files.
    public let directory: URL
    /// The folder of its programs; `nil` for the system's.
    public let programs: String?
    private let process: ServerProcess

    /// Makes a new cluster, or with `primary` a standby that follows another one.
    ///
    /// `programs` is the folder of another installation than the system's newest, which need not know TLS.
    public init(standbyOf primary: PostgresServer? = nil, settings: String = "", programs: String? = nil) throws {
        directory = try makeTemporaryDirectory()
        self.programs = programs
        port = freePort()
        let data = directory.appendingPathComponent("data").path
        let passwordFile = directory.appendingPathComponent("password")
        try runTool(["chown", "postgres", directory.path])
        if let primary {
            try Self.run(
                programs, "pg_basebackup", "-R", "--checkpoint=fast", "-D", data, "-d",
                "host=127.0.0.1 port=\(primary.port) user=replicator password=replicator")
        } else {
            try (Self.adminPassword + "\n").write(to: passwordFile, atomically: true, encoding: .utf8)
            try runTool(["chown", "postgres", passwordFile.path])
            try Self.run(
                programs, "initdb", "-A", "scram-sha-256", "-U", "kb_admin", "--pwfile=\(passwordFile.path)",
                "--no-sync",
                "--encoding=UTF8", "--locale=C.UTF-8", "-D", data)
            try Self.makeCertificates(in: directory, data: data)
        }
        let settings = """

            port = \(port)
            listen_addresses = '127.0.0.1'
            unix_socket_directories = ''
            fsync = off
            log_statement = 'all'
            max_connections = 200
            ssl = \(primary == nil && programs == nil ? "on" : "off")
            \(settings)

            """
        let configuration = try FileHandle(forWritingTo: URL(fileURLWithPath: data + "/postgresql.conf"))
        try configuration.seekToEnd()
        try configuration.write(contentsOf: Data(settings.utf8))
        try configuration.close()
        // QUIT ends PostgreSQL at once, without waiting for clients or tidying up.
        process = try ServerProcess(
            Self.unprivileged + [Self.tool("postgres", in: programs), "-D", data], endingWith: "QUIT", port: port,
            log: directory.appendingPathComponent("log"), greeting: "ready to accept")
    }

    deinit {
        stop()
    }

    /// Everything in the server's log so far.
    public var log: String { process.text }

    /// Ends it and removes its files.
    public func stop() {
        process.stop()
        try? FileManager.default.removeItem(at: directory)
    }

    /// Where the server's own administrator logs in.
    public func endpoint(_ database: String = "postgres") -> PostgresEndpoint {
        PostgresEndpoint(
            hosts: [.init("127.0.0.1", port: port)], database: database, user: "kb_admin",
            password: Secret(Self.adminPassword), connectTimeout: .seconds(5), statementTimeout: .seconds(20))
    }

    /// The certificate that a client of `db.test` trusts.
    public var rootCertificate: String { directory.appendingPathComponent("ca.crt").path }

    /// A program of the newest installation, or of the one in `programs`.
    public static func tool(_ name: String, in programs: String? = nil) -> String {
        if let programs { return "\(programs)/\(name)" }
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return "\(root)/\(versions.max { (Int($0) ?? 0) < (Int($1) ?? 0) } ?? "0")/bin/\(name)"
    }

    // PostgreSQL refuses to run as root, as which containers usually run tests.
    private static let unprivileged =
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : []

    private static func run(_ programs: String?, _ name: String, _ arguments: String...) throws {
        try runTool(unprivileged + [tool(name, in: programs)] + arguments)
    }

    private static func makeCertificates(in directory: URL, data: String) throws {
        try runTool([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=db.test", "-addext", "subjectAltName=DNS:db.test", "-keyout", data + "/server.key", "-out",
            data + "/server.crt",
        ])
        try runTool(["chown", "postgres", data + "/server.key", data + "/server.crt"])
        try runTool(["cp", data + "/server.crt", directory.appendingPathComponent("ca.crt").path])
    }
}
