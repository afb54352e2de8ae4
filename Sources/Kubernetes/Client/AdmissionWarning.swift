import ClientKit
import SSH

/// A warning that the API server or a webhook returned while it accepted an object.
///
/// For example a PodSecurity level that its pods violate, or a deprecated API version.
public struct AdmissionWarning: Sendable, Hashable {
    /// The object; where several get the same warning, the first of them.
    public let reference: ObjectReference
    /// The warning in the server's words.
    public let text: String

    /// Describes a warning; see the properties.
    public init(about reference: ObjectReference, text: String) {
        self.reference = reference
        self.text = text
    }

    /// The warning in a line that kubectl prints; `nil` for any other line.
    static func text(of line: Substring) -> String? {
        let mark = "Warning: "
        return line.hasPrefix(mark) ? String(line.dropFirst(mark.count)) : nil
    }

    /// The warnings in kubectl's standard error, each once.
    static func texts(in output: String) -> [String] {
        var seen: Set<String> = []
        return output.split(whereSeparator: \.isNewline).compactMap(text).filter {
            seen.insert($0).inserted
        }
    }

    /// The warnings with their objects, from an output in which the name of each object,
    /// `deployment.apps/a`, follows its warnings.
    static func assigned(in output: String, to references: [ObjectReference]) -> [AdmissionWarning] {
        var rest = references[...]
        var seen: Set<String> = []
        return output.split(whereSeparator: \.isNewline).compactMap { line in
            guard let text = text(of: line) else {
                if let next = rest.first, line.isName(of: next) { rest = rest.dropFirst() }
                return nil
            }
            return seen.insert(text).inserted
                ? rest.first.map { AdmissionWarning(about: $0, text: text) } : nil
        }
    }
}

extension ClusterReader {
    /// The warnings of a dry run, each with its object.
    ///
    /// kubectl prints a warning without the object that caused it. Where the dry run's standard
    /// error has warnings, it is therefore repeated with `-o name`, which prints each object's name
    /// after its warnings.
    func warnings(
        of result: CommandResult, applying list: [UInt8], of references: [ObjectReference]
    ) async throws(KubernetesError) -> [AdmissionWarning] {
        guard !AdmissionWarning.texts(in: result.errorText).isEmpty else { return [] }
        let output = try await kubectl.run(
            ClusterWriter.dryRun + ["-o", "name", "-f", "-"],
            for: "assign the API server's warnings to \(references.summary)", input: list,
            effect: .read,
            isMerged: true
        ).outputText
        return AdmissionWarning.assigned(in: output, to: references)
    }
}

extension Substring {
    /// Whether kubectl's `-o name` gives this line for the object: `deployment.apps/a`,
    /// `namespace/a`.
    fileprivate func isName(of reference: ObjectReference) -> Bool {
        let parts = split(separator: "/", maxSplits: 1)
        guard parts.count == 2,
            parts[1].split(separator: " ").first.map(String.init) == reference.name
        else {
            return false
        }
        return parts[0].split(separator: ".").first.map(String.init) == reference.kind.lowercased()
    }
}
