/// What a module installs, as far as the inventory and the program need to know.
public struct Application: Sendable {
    /// The namespace of everything that the module creates.
    public let namespace: String
    /// The labels of every object that the module creates.
    public let labels: [String: String]
    /// The images that its pods run.
    public let images: [Image]
    /// Its database on the PostgreSQL service; nil if it has none.
    public let database: Database?
    /// The secrets that are generated for it once; nil if there are none.
    public let generated: GeneratedFile?
    /// Its credentials files, in addition to the platform's and the generated one.
    public let credentialsFiles: [CredentialsFile]
    /// The pods that serve HTTP; nil if none do.
    public let endpoint: Endpoint?

    /// Describes an application; see the properties.
    public init(
        namespace: String, labels: [String: String] = [:], images: [Image] = [],
        database: Database? = nil, generated: GeneratedFile? = nil,
        credentialsFiles: [CredentialsFile] = [], endpoint: Endpoint? = nil
    ) {
        self.namespace = namespace
        self.labels = labels
        self.images = images
        self.database = database
        self.generated = generated
        self.credentialsFiles = credentialsFiles
        self.endpoint = endpoint
    }
}

extension Application {
    /// An image that pods run.
    public struct Image: Sendable, Hashable {
        /// The image that the inventory names.
        public let reference: ImageReference
        /// The key of the inventory that names it.
        public let key: String

        /// Describes an image; see the properties.
        public init(_ reference: ImageReference, key: String) {
            self.reference = reference
            self.key = key
        }
    }

    /// Pods that serve HTTP.
    public struct Endpoint: Sendable, Hashable {
        /// The labels that select them.
        public let labels: [String: String]
        /// The port that they listen on.
        public let port: Int
        /// A path that they answer without a login.
        public let path: String

        /// Describes pods; see the properties.
        public init(labels: [String: String], port: Int, path: String) {
            self.labels = labels
            self.port = port
            self.path = path
        }
    }

    /// A database and its owner.
    public struct Database: Sendable, Hashable {
        /// The database's name.
        public let name: String
        /// The role that owns it, and that the application logs in as.
        public let user: String

        /// Describes a database; see the properties.
        public init(name: String, user: String) {
            self.name = name
            self.user = user
        }
    }
}
