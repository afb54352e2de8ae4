import ArgumentParser
import Dispatch
import Foundation
import Journal
public import StepKit
import Synchronization

/// Runs the command in this process's arguments for `modules`, and ends the process.
public func runCommand(for modules: [StepKit.Module]) -> Never {
    // Before the first task: its executor opens files, which would get the descriptors of closed
    // streams.
    StandardOutput.claimStreams()
    DescriptorLimit.raise()
    // Exceeding the file size limit is an error of the write, like a full disk.
    signal(SIGXFSZ, SIG_IGN)
    // Before anything else: it takes as long as all that comes before a run's first record.
    if let command = CommandLine.arguments.dropFirst().first, ["run", "resume"].contains(command) {
        RunJournal.readOwnProgram()
    }
    Runner.known.withLock { $0 = ModuleList(modules: modules) }
    Task {
        await Runner.main(nil)
        exit(EXIT_SUCCESS)
    }
    dispatchMain()
}

/// The command line.
struct Runner: AsyncParsableCommand {
    static let version = "0.1.0"
    /// Set once, before the arguments are read.
    fileprivate static let known = Mutex(ModuleList(modules: []))
    /// The modules that the commands find by number.
    static var modules: ModuleList { known.withLock { $0 } }

    static let configuration = CommandConfiguration(
        commandName: "runner",
        abstract: "Installs the modules of the KeyBuzz platform over SSH: ordered, idempotent, resumable, recorded.",
        discussion: """
            Results go to stdout, progress to stderr. Exit status: 0 done or nothing to do, 1 a step failed, 2 drift found \
            (plan --detailed-exitcode), 64 usage, 65 bad inventory, credentials or state file, 69 no master reachable, 73 state \
            directory not writable, 74 standard output not writable, 75 another run holds the module, 77 host key or authentication refused, 124 --timeout ran out, 130/143/129/152 interrupted.
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
}
