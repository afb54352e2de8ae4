import ArgumentParser

/// `runner audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "List, show, verify, export and prune what runs recorded.",
        subcommands: [
            AuditListCommand.self, AuditShowCommand.self, AuditWhyCommand.self, AuditVerifyCommand.self,
            AuditExportCommand.self, AuditReportCommand.self, AuditLayoutCommand.self,
            AuditPruneCommand.self,
        ])
}
