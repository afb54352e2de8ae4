/// One step of a path into an object, in the sense of server-side apply.
enum FieldStep: Hashable {
    /// A member of an object.
    case field(String)
    /// The element of a list whose members have these values.
    case element([String: JSONValue])
    /// The element at a position of a list that is replaced as a whole.
    case index(Int)
}

extension [FieldStep] {
    /// `spec.template.spec.containers[web].env[PORT].value`; a name with dots or slashes is in
    /// brackets.
    var displayText: String {
        var text = ""
        for step in self {
            switch step {
            case .field(let name) where name.contains(".") || name.contains("/"):
                text += "[\(name)]"
            case .field(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let keys):
                let names = keys.sorted { $0.key < $1.key }.filter {
                    $0.key != "protocol" || keys.count == 1
                }
                text += "[\(names.map(\.value.displayText).joined(separator: ","))]"
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }
}

extension JSONValue {
    /// The value for display: a string as it is, anything else as compact JSON.
    var displayText: String {
        string ?? String(decoding: serialized(), as: UTF8.self)
    }
}
