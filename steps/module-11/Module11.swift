public import StepKit

/// Module 11, Chatwoot at support.keybuzz.io: the only place that orders its steps.
public let module11 = Module(
    number: 11, summary: "Chatwoot, the support desk",
    section: ChatwootSettings.self,
    application: { .chatwoot($0) },
    steps: [
        FixFirewall(),
        ResetDatabase(),
        SetupCredentials(),
        PrepareConfig(),
        AddImagePullSecrets(),
        RunMigrations(),
        DeployChatwoot(),
        ProveService(),
    ],
    orderNote: """
        The names are those of the old scripts; the order is not. The firewall comes first, because the migration's \
        pod must already reach the database; the pull secret before the first pod; the migration before the \
        deployment, so that new code never runs on an old schema; the tests last. reset_database is part of a run \
        only with --reset-database.
        """,
    preflight: preflight,
    diagnose: diagnose,
    evidence: gatherEvidence)
