import ArgumentParser

/// `runner audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify, show or export a run's audit log.",
        subcommands: [AuditVerifyCommand.self, AuditShowCommand.self, AuditExportCommand.self, AuditLayoutCommand.self])
}
