/// An identifier, quoted for a statement that the operator should run.
public func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
