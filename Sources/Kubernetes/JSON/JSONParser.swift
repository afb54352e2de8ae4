import Foundation

/// Why a text is not JSON.
public struct JSONSyntaxError: Error, Sendable, Hashable {
    /// Foundation's description of the error.
    public let message: String
}

extension JSONValue {
    /// Parses one JSON text.
    ///
    /// Uses `JSONSerialization`: `JSONDecoder` cannot decode a value of unknown type without trying
    /// each type in turn and throwing for every wrong guess, which costs a second of CPU for a busy
    /// namespace.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        do {
            self.init(foundation: try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed))
        } catch {
            let reason = (error as NSError).userInfo["NSDebugDescription"] as? String
            throw JSONSyntaxError(message: reason ?? "\(error)")
        }
    }

    private init(foundation value: Any) {
        switch value {
        case let members as [String: Any]: self = .object(members.mapValues(JSONValue.init(foundation:)))
        case let elements as [Any]: self = .array(elements.map(JSONValue.init(foundation:)))
        case let text as String: self = .string(text)
        case let number as NSNumber: self = JSONValue(number)
        default: self = .null
        }
    }

    private init(_ number: NSNumber) {
        // The Objective-C type encodings, by which Foundation distinguishes booleans, integers and
        // other numbers.
        switch String(cString: number.objCType) {
        case "c", "B": self = .bool(number.boolValue)
        case "d", "f": self = .number(number.doubleValue)
        case "Q": self = Int64(exactly: number.uint64Value).map(JSONValue.integer) ?? .number(number.doubleValue)
        default: self = .integer(number.int64Value)
        }
    }
}
