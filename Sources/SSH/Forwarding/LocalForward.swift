/// A port of this machine that leads, for one connection, to a host and port as the SSH server sees them.
///
/// It keeps its ``SSHConnection`` alive. It ends when both sides have closed, when the SSH session ends, or with ``close()``.
public final class LocalForward: Sendable {
    /// The port on 127.0.0.1.
    ///
    /// It takes one connection, and then stops listening.
    public let port: UInt16
    private let connection: SSHConnection
    private let pump: ObjectIdentifier

    init(port: UInt16, connection: SSHConnection, pump: ObjectIdentifier) {
        self.port = port
        self.connection = connection
        self.pump = pump
    }

    /// Ends the forward at once.
    public func close() async {
        await connection.endForward(pump)
    }
}
