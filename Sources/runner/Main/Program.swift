import RunnerCommands
import Steps

/// The program `runner`: its commands, for the modules of `steps/`.
@main enum Program {
    static func main() { runCommand(for: modules) }
}
