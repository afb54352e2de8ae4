/// An identifier as it stands in a statement that a person is told to run.
public func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }
