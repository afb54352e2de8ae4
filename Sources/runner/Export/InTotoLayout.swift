import Foundation
import Journal
import SSH
import StepKit

/// An in-toto layout of one run: the steps that must have been recorded, their order, their
/// signers, and that verify.sh must succeed.
struct InTotoLayout: Encodable {
    /// An artifact rule, as a list of words.
    typealias Rule = [String]

    /// A step of the run, or its end.
    struct Step: Encodable {
        let type = "step"
        let name: String
        let expected_materials: [Rule]
        let expected_products: [Rule]
        let pubkeys: [String]
        let expected_command: [String] = []
        let threshold = 1

        enum CodingKeys: String, CodingKey {
            case name, expected_materials, expected_products, pubkeys, expected_command, threshold
            case type = "_type"
        }
    }

    /// A command that is run in the exported folder.
    struct Inspection: Encodable {
        let type = "inspection"
        let name: String
        let expected_materials: [Rule]
        let expected_products: [Rule] = []
        let run: [String]

        enum CodingKeys: String, CodingKey {
            case name, expected_materials, expected_products, run
            case type = "_type"
        }
    }

    /// A key of somebody who may sign links.
    struct Key: Encodable {
        let keyid: String
        let keytype = "ed25519"
        let scheme = "ed25519"
        let keyval: [String: String]
    }

    let type = "layout"
    let steps: [Step]
    let inspect: [Inspection]
    let keys: [String: Key]
    let expires: String
    let readme: String

    enum CodingKeys: String, CodingKey {
        case steps, inspect, keys, expires, readme
        case type = "_type"
    }

    /// The layout for `links`, each of which follows the one before.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - log: SHA-256 of its log.
    ///   - links: Its links, in their order.
    ///   - unlinked: The signed heads that have no links.
    ///   - expiry: Until when it is valid.
    init(of run: RunReader, log: String, links: [SignedLink], unlinked: [Int], until expiry: Date) {
        var keys: [String: Key] = [:]
        var steps: [Step] = []
        var inspected: [Rule] = [["ALLOW", "run/signatures/*.sig"], ["ALLOW", "run/signatures/*.link"]]
        for link in links {
            let id = DSSEEnvelope.keyID(ofEd25519: link.key)
            keys[id] = Key(keyid: id, keyval: ["public": link.key.map { String(format: "%02x", $0) }.joined()])
            let product = "signatures/\(link.sequence).json"
            steps.append(
                Step(
                    name: link.name, expected_materials: Self.materials(after: steps.last?.name),
                    expected_products: [
                        ["REQUIRE", product], ["CREATE", product], ["ALLOW", "object:*"], ["DISALLOW", "*"],
                    ], pubkeys: [id]))
            inspected.append([
                "MATCH", "\(link.sequence).json", "IN", "run/signatures", "WITH", "PRODUCTS", "IN", "signatures",
                "FROM", link.name,
            ])
        }
        for sequence in unlinked { inspected.append(["ALLOW", "run/signatures/\(sequence).json"]) }
        if let first = links.first {
            inspected.append(["MATCH", "run.json", "IN", "run", "WITH", "MATERIALS", "FROM", first.name])
        }
        inspected += [["DISALLOW", "run/signatures/*"], ["DISALLOW", "run/run.json"], ["ALLOW", "*"]]
        self.steps = steps
        inspect = [Inspection(name: "verify", expected_materials: inspected, run: Self.verification(of: log))]
        self.keys = keys
        expires = expiry.formatted(.iso8601)
        readme = "Run \(run.id) of runner: verify it with in-toto-verify in the folder that audit export wrote."
    }

    /// verify.sh itself, since whoever changed an archive could have changed the copy in it; and before it, that this is
    /// the very record that the layout was made of: another run of the same steps may have links of the same names.
    ///
    /// Escaped, since in-toto-verify takes braces for places to fill in where it says that the command failed.
    private static func verification(of log: String) -> [String] {
        let check = """
            if [ "$(sha256sum <run/audit.jsonl)" != '\(log)  -' ]; then
                echo 'run/audit.jsonl: it is not the one that the layout was made of' >&2
                exit 1
            fi

            """
        let script = check + String(decoding: PackageResources.verify_sh, as: UTF8.self)
        let escaped = script.unicodeScalars.map { scalar in
            switch scalar {
            case "\\": #"\0134"#
            case "'": #"\0047"#
            case "{": #"\0173"#
            case "}": #"\0175"#
            default: "\(scalar)"
            }
        }
        return ["sh", "-c", "exec sh -c \"$(printf %b '\(escaped.joined())')\" verify.sh"]
    }

    /// A step starts with the head that the one before ended with; the first starts with run.json.
    private static func materials(after step: String?) -> [Rule] {
        guard let step else { return [["REQUIRE", "run.json"], ["ALLOW", "run.json"], ["DISALLOW", "*"]] }
        return [["MATCH", "signatures/*", "WITH", "PRODUCTS", "FROM", step], ["DISALLOW", "*"]]
    }
}

/// A link of a run, with the key that signed it.
struct SignedLink {
    let sequence: Int
    let name: String
    let key: [UInt8]
}

extension RunReader {
    /// The links of the run in their order, and the signed heads that have none.
    func signedLinks() throws -> (links: [SignedLink], unlinked: [Int]) {
        var links: [SignedLink] = []
        var unlinked: [Int] = []
        let folder = "\(path)/signatures"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        let statements = names.filter { $0.hasSuffix(".json") }.compactMap { Int($0.dropLast(5)) }
        for sequence in statements.sorted() {
            let signature = SSHSignature(try String(contentsOfFile: "\(folder)/\(sequence).json.sig", encoding: .utf8))
            let link = names.first { $0.hasPrefix("\(sequence)-") && $0.hasSuffix(".link") }
            if let key = signature?.ed25519Key, let link {
                let name = link.dropLast(".12345678.link".utf8.count)
                links.append(SignedLink(sequence: sequence, name: String(name), key: key))
            } else {
                unlinked.append(sequence)
            }
        }
        return (links, unlinked)
    }
}
