public import ArgumentParser
import ClientKit
import Engine
import Foundation
import Journal
public import StepKit

extension StepID: ExpressibleByArgument {
    /// Accepts any text; the module decides whether it is one of its steps.
    public init?(argument: String) {
        self.init(argument)
    }
}

/// The secrets of this process: everything printed or recorded passes through it.
let redactor = Redactor()

/// Prints an error in the usual form, and converts it to the documented exit status.
func reporting<Value>(_ work: () async throws -> Value) async throws -> Value {
    do {
        return try await work()
    } catch let error as any ExplainedError {
        Terminal.write("error: \(redactor.redact(error.description))\n")
        throw ExitCode(error.kind.exitStatus)
    } catch is CancellationError {
        throw ExitCode(Interruptions.first.exitStatus)
    } catch let error as CocoaError {
        Terminal.write("error: \(redactor.redact(error.localizedDescription))\n")
        throw ExitCode(FailureKind.badInput.exitStatus)
    }
}
