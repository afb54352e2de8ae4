import ClientKit
import SSH

/// What the API server, or a webhook of it, warned of while it accepted an object: a PodSecurity level that its pods violate,
/// a version that goes.
public struct AdmissionWarning: Sendable, Hashable {
    /// The object; what is warned of several in the same words is told of the first.
    public let reference: ObjectReference
    /// The warning in the server's words.
    public let text: String

    /// Describes a warning; see the properties.
    public init(_ reference: ObjectReference, _ text: String) {
        self.reference = reference
        self.text = text
    }

    /// The warning of a line that kubectl prints; `nil` for any other line.
    static func text(of line: Substring) -> String? {
        let mark = "Warning: "
        return line.hasPrefix(mark) ? String(line.dropFirst(mark.count)) : nil
    }

    /// The warnings in kubectl's standard error, each once.
    static func texts(in output: String) -> [String] {
        var seen: Set<String> = []
        return output.split(whereSeparator: \.isNewline).compactMap(text).filter { seen.insert($0).inserted }
    }

    /// Whose the warnings are in an output that has each object's name, `deployment.apps/a`, behind the warnings of it.
    static func assigned(in output: String, to references: [ObjectReference]) -> [AdmissionWarning] {
        var rest = references[...]
        var seen: Set<String> = []
        return output.split(whereSeparator: \.isNewline).compactMap { line in
            guard let text = text(of: line) else {
                if let next = rest.first, line.isName(of: next) { rest = rest.dropFirst() }
                return nil
            }
            return seen.insert(text).inserted ? rest.first.map { AdmissionWarning($0, text) } : nil
        }
    }
}

extension ClusterReader {
    /// The warnings of a dry run whose standard error has some, each with its object.
    ///
    /// kubectl prints warnings without the object that they are of. So the dry run is done once more, for its names alone,
    /// which come behind the warnings of each.
    func warnings(
        of result: CommandResult, applying list: [UInt8], of references: [ObjectReference]
    ) async throws(KubernetesError) -> [AdmissionWarning] {
        guard !AdmissionWarning.texts(in: result.errorText).isEmpty else { return [] }
        let output = try await kubectl.run(
            "find out what the API server warns of \(references.words) about",
            ["apply", "--dry-run=server"] + ClusterWriter.serverSide + ["-o", "name", "-f", "-"], input: list,
            effect: .read, isMerged: true
        ).outputText
        return AdmissionWarning.assigned(in: output, to: references)
    }
}

extension Substring {
    /// Whether kubectl's `-o name` gives this line for the object: `deployment.apps/a`, `namespace/a`.
    fileprivate func isName(of reference: ObjectReference) -> Bool {
        let parts = split(separator: "/", maxSplits: 1)
        guard parts.count == 2, parts[1].split(separator: " ").first.map(String.init) == reference.name else {
            return false
        }
        return parts[0].split(separator: ".").first.map(String.init) == reference.kind.lowercased()
    }
}
