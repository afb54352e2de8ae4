import ClientKit
import Foundation

/// The last signature of a log, by which the record about it is judged: no signature covers that record, so it may say
/// nothing but what the statement, the signature and the link show.
struct LastSignature {
    private let run: RunReader
    private let statement: HeadStatement
    private let bytes: [UInt8]
    private let key: SignatureKeyFacts?
    private let judge: any SignatureJudge

    init(
        of run: RunReader, over statement: HeadStatement, bytes: [UInt8], signature: [UInt8],
        judge: any SignatureJudge
    ) {
        (self.run, self.statement, self.bytes, self.judge) = (run, statement, bytes, judge)
        key = judge.key(of: String(decoding: signature, as: UTF8.self))
    }

    /// What is wrong with the record; nil where nothing is.
    func problem(with record: AuditRecord) -> String? {
        let entry: AuditEntry
        do throws(JournalError) {
            entry = try record.entry()
            guard try SealedJSON.line(entry)[...] == record.bytes, entry.version == AuditEntry.current else {
                return "it was edited: runner does not write it like this"
            }
        } catch {
            return error.cause
        }
        guard case .headSigned(let told) = entry.content, told.head == statement.head,
            Self.areSame([entry.step], [statement.step])
        else { return "no signature covers it, and it does not tell of the last one" }
        if statement.format > 1, entry.time != statement.time || entry.elapsed != statement.elapsed {
            return "it was edited: the signed statement has another time"
        }
        guard let key else { return nil }
        let text = HeadSigning.signed(with: key.name)
        let isWithout =
            key.ed25519 == nil
            ? Self.areSame([told.text], [text])
            : told.text.utf8.starts(with: (text + HeadSigning.withoutLink).utf8)
        let name = HeadSigning.linkName(statement.head.sequence, step: statement.step)
        let link = key.ed25519.map { HeadSigning.link(name, keyID: DSSEEnvelope.keyID(ofEd25519: $0)) }
        let own = [
            HeadSigning.statement(statement.head.sequence), HeadSigning.signature(statement.head.sequence),
        ]
        let files = entry.files?.map(\.path) ?? []
        guard Self.areSame([told.key], [key.name]),
            isWithout
                ? Self.areSame(files, own)
                : Self.areSame([told.text] + files, [text] + own + [link].compactMap(\.self))
        else { return "it was edited: the signature is not as it says" }
        guard !isWithout, let link, let bytes = key.ed25519 else { return nil }
        return linkProblem(at: link, named: name, by: bytes)
    }

    /// Whether the texts are the same to the byte: Swift takes two for the same that Unicode does, as K and the sign of
    /// the unit kelvin.
    private static func areSame(_ some: [String?], _ others: [String?]) -> Bool {
        some.map { $0.map { Array($0.utf8) } } == others.map { $0.map { Array($0.utf8) } }
    }

    private func linkProblem(at path: String, named name: String, by key: [UInt8]) -> String? {
        let problem = "it announces \(path), which is not the link of this signature"
        do {
            guard let content = try Disk.read("\(run.path)/\(path)") else { return nil }
            let envelope = try JSONDecoder().decode(DSSEEnvelope.self, from: Data(content))
            guard try InTotoLink.encoded(envelope) == content, envelope.payloadType == DSSEEnvelope.payloadType,
                envelope.signatures.map(\.keyid) == [DSSEEnvelope.keyID(ofEd25519: key)],
                let payload = Data(base64Encoded: envelope.payload),
                let signature = Data(base64Encoded: envelope.signatures[0].sig),
                judge.isRight(Array(signature), over: DSSEEnvelope.signedData(Array(payload)), byEd25519: key)
            else { return problem }
            let link = try JSONDecoder().decode(InTotoLink.self, from: payload)
            let product = link.products[HeadSigning.statement(statement.head.sequence)]
            return link.name == name && product?["sha256"] == SHA256.hash(data: bytes).hex ? nil : problem
        } catch let error as JournalError {
            return "\(problem): \(error.cause)"
        } catch {
            return problem
        }
    }
}
