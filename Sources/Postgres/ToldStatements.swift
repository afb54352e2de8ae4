/// An identifier quoted for a statement that an operator is asked to run.
public func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
