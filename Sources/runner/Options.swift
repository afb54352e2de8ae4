public import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
public import StepKit
import Steps

extension StepKit.Module {
    /// The module an operator names; there is one so far.
    static func named(_ number: Int) throws -> StepKit.Module {
        guard number == module11.number else {
            throw StepFailure(
                "find module \(number)", cause: "runner knows module \(module11.number) only",
                remedy: "run `runner steps` to list them", kind: .usage)
        }
        return module11
    }
}

extension StepID: ExpressibleByArgument {
    /// Takes any text; the module decides whether it is one of its steps.
    public init?(argument: String) {
        self.init(argument)
    }
}

/// The secrets of this process: whatever is printed or recorded passes through it.
let redactor = Redactor()

/// Prints an error as the whole tool prints errors, and turns it into the promised exit status.
func reporting<Value>(_ work: () async throws -> Value) async throws -> Value {
    do {
        return try await work()
    } catch let error as any ExplainedError {
        Terminal.write("error: \(redactor.redact(error.description))\n")
        throw ExitCode(error.kind.exitStatus)
    } catch let error as CocoaError {
        Terminal.write("error: \(redactor.redact(error.localizedDescription))\n")
        throw ExitCode(FailureKind.badInput.exitStatus)
    }
}
