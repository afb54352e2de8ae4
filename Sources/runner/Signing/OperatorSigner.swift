import ClientKit
import Journal
import SSH
import StepKit

/// Signs the heads of the audit log with the SSH key that the inventory names.
struct OperatorSigner: HeadSigner {
    let key: OperatorKey

    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature {
        do throws(OperatorKey.Refusal) {
            let signature = try await key.sign(statement, namespace: HeadSigning.namespace)
            return HeadSignature(
                key: signature.keyName, text: signature.armored, ed25519Key: signature.ed25519Key)
        } catch {
            throw SigningRefusal(cause: error.cause, remedy: error.remedy)
        }
    }

    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]? {
        do throws(OperatorKey.Refusal) {
            return try await key.ed25519Signature(over: data)?.signature
        } catch {
            throw SigningRefusal(cause: error.cause, remedy: error.remedy)
        }
    }
}

extension OperatorSigner {
    init(_ inventory: StepKit.Inventory, passphrase: @escaping @Sendable (String) async -> Secret?) {
        key = OperatorKey(
            SSHDestination.Identity(inventory.ssh.identity), agentLimit: inventory.limits.agent, passphrase: passphrase)
    }
}
