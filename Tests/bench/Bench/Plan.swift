import ClientKit
import Foundation
import Kubernetes
import SSH

/// What to do on which hosts: either commands, on each host one after the other or some at once, or one reading of objects.
struct Plan: Decodable {
    struct Host: Decodable {
        let name: String
        let address: String
        let port: UInt16
    }

    struct Object: Decodable {
        let apiVersion: String
        let kind: String
        let namespace: String?
        let name: String
    }

    let user: String
    let key: String
    let knownHosts: String
    let hosts: [Host]
    let commands: [[String]]
    /// How many commands of a host are under way at once; nil for one after the other.
    let atOnce: Int?
    /// How many logins are under way at once; nil for all.
    let logins: Int?
    /// Whether each session stays open until the last host has answered.
    let keepsOpen: Bool?
    let objects: [Object]
    let kubeconfig: String

    init(file: String) throws {
        self = try JSONDecoder().decode(Plan.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    }

    /// Does it on all hosts at once, and returns what each answered.
    func carryOut() async throws -> [String: [Answer]] {
        let window = logins.map { LoginWindow(limit: $0) }
        var tasks: [(String, Task<([Answer], SSHConnection), any Error>)] = []
        for host in hosts {
            tasks.append((host.name, Task { try await work(on: host, window: window) }))
        }
        var answers: [String: [Answer]] = [:]
        var open: [SSHConnection] = []
        for (name, task) in tasks {
            let connection: SSHConnection
            (answers[name], connection) = try await task.value
            if keepsOpen == true { open.append(connection) }
        }
        for connection in open { await connection.close() }
        return answers
    }

    private func work(on host: Host, window: LoginWindow?) async throws -> ([Answer], SSHConnection) {
        let connection = try await SSHConnection.open(
            to: SSHDestination(
                name: host.name, address: host.address, port: host.port, user: user, identity: .keyFile(key),
                knownHosts: [knownHosts]), window: window)
        var answers =
            if let atOnce { try await runCommands(on: connection, atOnce: atOnce) } else {
                try await runCommands(on: connection)
            }
        if !objects.isEmpty {
            let references = objects.map {
                ObjectReference(apiVersion: $0.apiVersion, kind: $0.kind, namespace: $0.namespace, name: $0.name)
            }
            let found = try await ClusterReader(shell: connection, kubeconfig: kubeconfig, requestTimeout: .seconds(15))
                .get(references)
            answers += try found.map {
                Answer(status: 0, output: String(decoding: try JSONEncoder().encode($0), as: UTF8.self))
            }
        }
        if keepsOpen != true { await connection.close() }
        return (answers, connection)
    }

    /// One after the other, on the connection's own thread: no change of threads between two commands.
    private func runCommands(on connection: isolated SSHConnection) async throws -> [Answer] {
        var answers: [Answer] = []
        for command in commands { answers.append(Answer(try await connection.run(Self.remote(command)))) }
        return answers
    }

    private func runCommands(on connection: SSHConnection, atOnce: Int) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            var answers: [Int: Answer] = [:]
            for (number, command) in commands.enumerated() {
                if number >= atOnce, let (ended, answer) = try await group.next() {
                    answers[ended] = answer
                }
                group.addTask { (number, Answer(try await connection.run(Self.remote(command)))) }
            }
            for try await (ended, answer) in group { answers[ended] = answer }
            return commands.indices.compactMap { answers[$0] }
        }
    }

    /// A command as the runner gives it to its SSH layer.
    private static func remote(_ command: [String]) -> RemoteCommand {
        RemoteCommand(
            command, effect: .read, environment: command.first == "kubectl" ? ClusterReader.kubectlEnvironment : [:])
    }
}

/// What one command said.
struct Answer: Encodable {
    let status: Int32
    let output: String

    init(status: Int32, output: String) {
        self.status = status
        self.output = output
    }

    init(_ result: CommandResult) {
        self.init(status: result.exitStatus, output: result.outputText)
    }
}
