import Foundation
import Testing

/// Another operator's machine: other ids of machine and boot, another name and state directory, and a credentials folder
/// that has what people put there, and nothing that a run has generated.
///
/// It has the same inventory, and is on the network at the same place.
struct OtherMachine {
    private static let folder = "\(Lab.home)/other-machine"
    static let state = "\(folder)/state"
    static let credentials = "\(folder)/credentials"

    private static let script = """
        mount --bind "$1/machine-id" /etc/machine-id
        mount --bind "$1/boot-id" /proc/sys/kernel/random/boot_id
        mount --bind "$1/credentials" "$2"
        hostname install-02
        export RUNNER_STATE_DIR="$1/state"
        shift 2
        exec "$@"
        """

    /// A machine on which `runner` was never started.
    init() throws {
        let files = FileManager.default
        if files.fileExists(atPath: Self.folder) { try files.removeItem(atPath: Self.folder) }
        for name in ["", "/state", "/credentials"] {
            try files.createDirectory(
                atPath: Self.folder + name, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let id = UUID().uuidString.lowercased()
        try "\(id.replacing("-", with: ""))\n".write(
            toFile: "\(Self.folder)/machine-id", atomically: true, encoding: .utf8)
        try "\(id)\n".write(toFile: "\(Self.folder)/boot-id", atomically: true, encoding: .utf8)
        for name in try files.contentsOfDirectory(atPath: Lab.credentials) where name != "chatwoot.env" {
            try files.copyItem(atPath: "\(Lab.credentials)/\(name)", toPath: "\(Self.credentials)/\(name)")
        }
    }

    /// Starts `runner` there.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Command.Running {
        let machine = ["unshare", "--mount", "--uts", "--propagation", "slave", "sh", "-ec", Self.script, "sh"]
        return try Command(
            [Lab.command, "run"] + machine + [Self.folder, Lab.credentials, Lab.runner] + arguments,
            environment: environment
        ).start()
    }

    /// Runs `runner` there to its end.
    func runner(_ arguments: String..., environment: [String: String] = [:]) async throws -> Command.Result {
        try await start(arguments, environment: environment).wait()
    }
}
