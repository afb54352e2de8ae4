import ClientKit
import Foundation

/// The platform and what should run on it, as described in `inventory.json`.
///
/// Its keys are documented in `inventory.schema.json`; a value of this type has passed every check.
public struct Inventory: Sendable {
    /// The platform's name, for people.
    public let name: String
    /// How to log in to the hosts.
    public let ssh: SSHSettings
    /// All hosts, in the order written.
    public let hosts: [Host]
    /// Where Kubernetes is and which networks it uses.
    public let cluster: Cluster
    /// The PostgreSQL service.
    public let postgres: PostgresService
    /// The Redis service.
    public let redis: RedisService
    /// Where attachments are stored; nil for the pods' own disks.
    public let objectStorage: ObjectStorage?
    /// Where the database is backed up before existing data is migrated; nil if nowhere.
    public let backup: Backup?
    /// The registry that the modules' images are pulled from.
    public let registry: Registry
    /// What is done about the firewall on the Kubernetes nodes.
    public let firewall: Firewall
    /// Where the credentials files are.
    public let credentials: CredentialsLocation
    /// Time limits, and the number of concurrent logins.
    public let limits: Limits
    /// The modules' own sections; see ``section(_:)``.
    let sections: [any InventorySection]
    /// The canonical path of the file.
    public let path: String
    /// The file's bytes.
    public let bytes: [UInt8]
    /// The SHA-256 digest of the file's bytes, in lower-case hexadecimal.
    public var digest: String { SHA256.hash(data: bytes).hex }

    /// The hosts that serve the Kubernetes API.
    public var masters: [Host] { hosts.filter { $0.roles.contains(.master) } }
    /// The hosts that run pods and are not masters.
    public var workers: [Host] { hosts.filter { $0.roles.contains(.worker) && !$0.roles.contains(.master) } }
    /// Every host of the cluster, masters first.
    public var nodes: [Host] { masters + workers }
    /// The host that stores backups.
    public var backupHost: Host? { hosts.first { $0.name == backup?.host } }

    private init(_ reader: ObjectReader, for modules: [Module], path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        _ = reader.optional("$schema", .anyText)
        _ = reader.value("version", .integer(1...1))
        name = reader.value("name", .label)
        let ssh = reader.object("ssh", isRequired: true, SSHSettings.init)
        self.ssh = ssh
        hosts = reader.objects("hosts") { Host($0, defaults: ssh) }
        cluster = reader.object("cluster", isRequired: true, Cluster.init)
        postgres = reader.object("postgres", isRequired: true, PostgresService.init)
        redis = reader.object("redis", isRequired: true, RedisService.init)
        objectStorage = reader.optionalObject("objectStorage", ObjectStorage.init)
        backup = reader.optionalObject("backup", Backup.init)
        registry = reader.object("registry", Registry.init)
        firewall = reader.object("firewall", isRequired: true, Firewall.init)
        credentials = reader.object("credentials", CredentialsLocation.init)
        limits = reader.object("limits", Limits.init)
        sections = reader.sections(of: modules)
    }

    /// Reads and checks the inventory at `path`, with the sections of those `modules` that it
    /// describes.
    ///
    /// Blocks on the file: call it off the cooperative pool.
    public static func load(path: String, for modules: [Module]) throws(InventoryError) -> Inventory {
        do {
            let (bytes, canonical) = try PrivateFile.contents(of: path)
            return try parse(bytes, path: canonical, for: modules)
        } catch let error as InventoryError {
            throw error
        } catch {
            throw InventoryError(file: path, problems: [InventoryProblem("cannot be read: \(error)")])
        }
    }

    /// Checks an inventory read from `path`, an absolute path; relative paths in it are resolved
    /// against its folder.
    public static func parse(
        _ bytes: [UInt8], path: String, for modules: [Module]
    ) throws(InventoryError) -> Inventory {
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        let session = ReadingSession(folder: folder, home: NSHomeDirectory())
        do {
            let root = try JSONNode.read(try utf8Text(bytes))
            session.place("", at: root.position)
            let reader = ObjectReader(root, path: "", pattern: "", session: session)
            let inventory = Inventory(reader, for: modules, path: path, bytes: bytes)
            reader.finish()
            inventory.checkTogether(session)
            if session.problems.isEmpty {
                return inventory
            }
        } catch {
            session.report("", at: error.line.map { TextPosition(line: $0, column: error.column ?? 1) }, error.message)
        }
        throw InventoryError(file: path, problems: session.problems.sorted(by: InventoryProblem.isEarlier))
    }

    /// Every key that the decoder knows, for comparison with the published schema.
    static func knownKeys(for modules: [Module]) -> [ReadingSession.Key] {
        let session = ReadingSession(folder: "/", home: "/", isProbe: true)
        let reader = ObjectReader(nil, path: "", pattern: "", session: session)
        _ = Inventory(reader, for: modules, path: "", bytes: [])
        return session.keys
    }

    static func utf8Text(_ bytes: [UInt8]) throws(InventoryProblem) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let repaired = String(decoding: bytes, as: UTF8.self)
            let valid = zip(repaired.utf8, bytes).prefix { $0 == $1 }.count
            throw InventoryProblem(at: TextPosition(of: valid, in: repaired), "is not UTF-8")
        }
        return text
    }
}
