import RunnerCommands
import Steps

/// `runner` with one more module: a second one needs its folder, which is this one, and its place in this list.
@main enum Program {
    static func main() { runCommand(for: modules + [module12]) }
}
