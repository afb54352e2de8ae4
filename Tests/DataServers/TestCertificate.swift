public import Foundation

/// A server's certificate with the authority that signed it, and another authority, which did not.
public final class TestCertificate: Sendable {
    /// The folder of the files.
    public let directory: URL
    /// The authority's file.
    public var authority: String { directory.path + "/ca.crt" }
    /// The other authority's file.
    public var otherAuthority: String { directory.path + "/other.crt" }
    /// The certificate's file.
    public var file: String { directory.path + "/server.crt" }
    /// The file of its key.
    public var key: String { directory.path + "/server.key" }

    /// Makes them, the certificate for `name`, such as `DNS:redis.test`, valid for a day or no more.
    public init(for name: String = "DNS:redis.test,IP:127.0.0.1,IP:::1", isExpired: Bool = false) throws {
        directory = try makeTemporaryDirectory()
        let folder = directory.path
        let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for authority in ["ca", "other"] {
            try runTool(
                ["openssl", "req", "-x509"] + new + [
                    "-days", "2", "-subj", "/CN=\(authority)", "-keyout", "\(folder)/\(authority).key", "-out",
                    "\(folder)/\(authority).crt",
                ])
        }
        try runTool(
            ["openssl", "req", "-new"] + new + [
                "-subj", "/CN=server", "-addext", "subjectAltName=\(name)", "-keyout", key, "-out",
                "\(folder)/server.csr",
            ])
        try runTool([
            "openssl", "x509", "-req", "-in", "\(folder)/server.csr", "-CA", authority, "-CAkey", "\(folder)/ca.key",
            "-CAcreateserial", "-days", isExpired ? "-1" : "1", "-copy_extensions", "copy", "-out", file,
        ])
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }
}
