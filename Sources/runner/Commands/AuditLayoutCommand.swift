import ArgumentParser
import ClientKit
import Foundation
import Journal
import SSH
import StepKit

/// `runner audit layout`.
struct AuditLayoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layout",
        abstract: "Write the in-toto layout of a run that allowed operators signed.",
        discussion: """
            By signing the layout you confirm that a run should consist of these steps, in this \
            order, by these operators. To compare a run with it, use `in-toto-verify --layout \
            LAYOUT --verification-keys LAYOUT.pem --link-dir run/signatures --inspection-timeout 600` in the folder that \
            `runner audit export` wrote.
            """)

    @Argument(help: "The run (default: the newest).") var run: String?
    @Option(name: .long, help: "The operators who may sign: a file in the ALLOWED SIGNERS format of ssh-keygen(1).")
    var allowedSigners: String
    @Option(
        name: .long,
        help: "The ed25519 key that signs the layout: its file, or the .pub file of a key in the SSH agent.")
    var key: String
    @Option(name: .shortAndLong, help: "The file to write; its public key is written next to it, as FILE.pem.")
    var output = "root.layout"
    @Option(name: .long, help: "The number of days for which the layout is valid.") var days = 365
    @OptionGroup var stateOptions: StateOptions

    func run() async throws {
        try await reporting {
            let reader = try await stateOptions.run(run)
            let state = try await stateOptions.existing
            let judge = try await AllowedSignersJudge(path: allowedSigners)
            let expiry = Date().addingTimeInterval(Double(days) * 86_400)
            let attempt = "write the layout of run \(reader.id)"
            let payload = try await runBlocking {
                let digest = try reader.logDigest()
                let report = try AuditVerifier(state).verify(reader, signatures: judge)
                let problem = report.findings.first ?? report.authenticity?.findings.first
                let (links, unlinked) = problem == nil ? try reader.signedLinks() : ([], [])
                guard problem == nil, !links.isEmpty else {
                    throw StepFailure(
                        attempt, cause: problem.map { "\($0)" } ?? "no plain ed25519 key signed it",
                        remedy: "run `runner audit verify \(reader.id) --allowed-signers FILE` to see what is wrong",
                        kind: .badInput)
                }
                let layout = InTotoLayout(
                    of: reader, log: digest, links: links, unlinked: unlinked, until: expiry)
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
                return [UInt8](try encoder.encode(layout))
            }
            let (envelope, pem) = try await signed(payload, attempt)
            try await runBlocking { [output] in
                for (path, content) in [(output, [UInt8](envelope)), ("\(output).pem", Array(pem.utf8))] {
                    try OutputFile("write the layout", path: path, mode: 0o644).write { try $0.write(content) }
                }
            }
            try StandardOutput.write("\(output)")
        }
    }

    private func signed(_ payload: [UInt8], _ attempt: String) async throws -> (envelope: Data, pem: String) {
        let identity: SSHDestination.Identity = key.hasSuffix(".pub") ? .agent(publicKey: key) : .keyFile(key)
        let made: (key: [UInt8], signature: [UInt8])?
        do throws(OperatorKey.Refusal) {
            made = try await OperatorKey(identity, passphrase: Passphrase.ask)
                .ed25519Signature(over: DSSEEnvelope.signedData(payload))
        } catch {
            throw StepFailure(attempt, cause: error.cause, remedy: error.remedy, kind: .badInput)
        }
        guard let made, let pem = SignatureKey(.ed25519(made.key))?.publicPEM else {
            throw StepFailure(
                attempt, cause: "\(key) is not an ed25519 key", remedy: "create one with ssh-keygen -t ed25519",
                kind: .badInput)
        }
        let envelope = DSSEEnvelope(payload, key: made.key, signature: made.signature)
        return (try JSONEncoder().encode(envelope), pem)
    }
}
