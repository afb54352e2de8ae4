import Foundation

/// What an in-toto link says about a step: which head it began with, which head it ended with, and
/// which objects it changed.
struct InTotoLink: Codable, Sendable {
    /// An artifact's digests by algorithm.
    typealias Digests = [String: String]

    /// What every link of in-toto is called.
    let type: String
    let name: String
    let command: [String]
    let materials: [String: Digests]
    let products: [String: Digests]
    let byproducts: [String: String]
    let environment: [String: String]

    enum CodingKeys: String, CodingKey {
        case name, command, materials, products, byproducts, environment
        case type = "_type"
    }

    init(name: String, materials: [String: Digests], products: [String: Digests]) {
        type = "link"
        self.name = name
        command = []
        self.materials = materials
        self.products = products
        byproducts = [:]
        environment = [:]
    }
}

extension InTotoLink {
    /// A link or its envelope as JSON, the same bytes for the same content.
    static func encoded(_ value: some Encodable) throws(JournalError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        do {
            return [UInt8](try encoder.encode(value)) + [UInt8(ascii: "\n")]
        } catch {
            throw .defect("encode as JSON", "in-toto metadata", "\(error)")
        }
    }
}
