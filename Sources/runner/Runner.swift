import ArgumentParser
import Steps

/// The command line.
@main
struct Runner: AsyncParsableCommand {
    static let version = "0.1.0"
    static let modules = ModuleList(modules: Steps.modules)

    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Installs the modules of the KeyBuzz platform over SSH: ordered, idempotent, resumable, on record.",
        discussion: """
            Results go to stdout, progress to stderr. Exit status: 0 done or nothing to do, 1 a step failed, 2 drift found \
            (plan --detailed-exitcode), 64 usage, 65 bad inventory, credentials or state file, 69 no master reachable, 73 state \
            directory not writable, 74 standard output not writable, 75 another run holds the module, 77 host key or authentication refused, 130/143 interrupted.
            """,
        version: version,
        groupedSubcommands: [
            CommandGroup(name: "Running", subcommands: [RunCommand.self, ResumeCommand.self, PlanCommand.self]),
            CommandGroup(
                name: "Inspecting",
                subcommands: [
                    DoctorCommand.self, StepsCommand.self, StatusCommand.self, LogsCommand.self, AuditCommand.self,
                ]),
            CommandGroup(name: "Maintenance", subcommands: [InventoryCommand.self, UnlockCommand.self]),
        ])

    static func main() async {
        StandardOutput.claimStreams()
        DescriptorLimit.raise()
        await main(nil)
    }
}
