import ClientKit
import Foundation

@testable import StepKit
@testable import Steps

/// What a run does with generated secrets, in a folder and a file that stands for the cluster's Secret.
enum SecretSteps {
    static func perform(folder: String, secret: String, _ inventory: Inventory) async throws {
        let (directory, file) = (CredentialsDirectory(path: folder), GeneratedFile.chatwoot(inventory))
        let store = GeneratedSecretsStore(
            directory: directory, filed: [file.name: try directory.secrets(in: file)], register: { _ in })
        let found = try await store.find(file) {
            guard let bytes = FileManager.default.contents(atPath: secret) else { return nil }
            return try JSONDecoder().decode([String: String].self, from: bytes).mapValues { Secret($0) }
        }
        let secrets = try await store.complete(found)
        let entries = file.secrets.map { ($0.entry, secrets[$0].reveal()) }
        let text = try JSONEncoder().encode(Dictionary(uniqueKeysWithValues: entries))
        try text.write(to: URL(filePath: secret), options: .atomic)
    }
}
