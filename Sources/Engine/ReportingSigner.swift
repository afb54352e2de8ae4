import ClientKit
import Journal

/// A signer whose refusals are reported to the operator, each reason once.
struct ReportingSigner: HeadSigner {
    private let signer: any HeadSigner
    private let events: @Sendable (EngineEvent) -> Void
    private let told = Locked<Set<String>>([])

    init(_ signer: any HeadSigner, events: @escaping @Sendable (EngineEvent) -> Void) {
        self.signer = signer
        self.events = events
    }

    func sign(_ statement: [UInt8]) async throws(SigningRefusal) -> HeadSignature {
        do throws(SigningRefusal) {
            return try await signer.sign(statement)
        } catch {
            tell(error)
            throw error
        }
    }

    func signBare(_ data: [UInt8]) async throws(SigningRefusal) -> [UInt8]? {
        do throws(SigningRefusal) {
            return try await signer.signBare(data)
        } catch {
            tell(error)
            throw error
        }
    }

    private func tell(_ refusal: SigningRefusal) {
        let isNew = told.withLock { $0.insert(refusal.cause).inserted }
        if isNew { events(.warning("the audit log is not signed: \(refusal.cause); \(refusal.remedy)")) }
    }
}
