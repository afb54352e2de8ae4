import ClientKit
import Foundation
import Journal
import SSH
import StepKit

/// Checks signatures against a file of allowed signers.
struct AllowedSignersJudge: SignatureJudge {
    private let allowed: AllowedSigners

    init(path: String) async throws {
        let attempt = "read the allowed signers \(path)"
        let text: String
        do {
            text = try await runBlocking { try String(contentsOfFile: path, encoding: .utf8) }
        } catch {
            throw StepFailure(
                attempt, cause: error.localizedDescription, remedy: "correct the path of the file", kind: .badInput)
        }
        do throws(AllowedSigners.Problem) {
            allowed = try AllowedSigners(text)
        } catch {
            throw StepFailure(
                attempt, cause: "line \(error.line): \(error.cause)",
                remedy: "write it in the ALLOWED SIGNERS format of ssh-keygen(1)", kind: .badInput)
        }
    }

    func judge(_ signature: String, over statement: [UInt8], at time: Date) -> SignatureVerdict {
        guard let read = SSHSignature(signature) else { return .wrong("it is not an SSH signature") }
        // ssh-keygen takes no offence at what is added around or inside of one.
        guard read.armored == signature else { return .wrong("it is not written as runner writes it") }
        guard read.namespace == HeadSigning.namespace else {
            return .wrong("it was made for \(read.namespace), not for \(HeadSigning.namespace)")
        }
        guard read.isRight(over: statement) else {
            return .wrong("\(read.keyName) did not sign this statement")
        }
        switch allowed.answer(on: read, at: time) {
        case .allowed(let principal): return .valid(signer: principal, key: read.keyName)
        case .unknown: return .unknownSigner(key: read.keyName, reason: "no allowed signer has this key")
        case .notForThis(let why): return .unknownSigner(key: read.keyName, reason: why)
        }
    }

    func key(of signature: String) -> SignatureKeyFacts? {
        SSHSignature(signature).map { SignatureKeyFacts(name: $0.keyName, ed25519: $0.ed25519Key) }
    }

    func isRight(_ signature: [UInt8], over data: [UInt8], byEd25519 key: [UInt8]) -> Bool {
        SignatureKey(.ed25519(key))?.verify(signature, over: data) ?? false
    }
}
