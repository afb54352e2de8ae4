import Foundation
import TestSupport
import Testing

/// The operator's machine is gone for good in the middle of a run, with what it had generated and written down; a colleague
/// types `runner run 11` on another one.
extension RehearsalTests {
    /// When the first machine goes.
    enum Moment: String, CaseIterable {
        case credentialsGenerated, databaseSetUp, migrating, deploying

        func hasCome() async throws -> Bool {
            switch self {
            case .credentialsGenerated:
                return FileManager.default.fileExists(atPath: "\(Lab.credentials)/chatwoot.env")
            case .databaseSetUp: return try Platform.hasFinished("11_ct_00_setup_credentials")
            case .migrating:
                guard try Platform.hasBegun("11_ct_04_run_migrations") else { return false }
                let jobs = try await Lab.objects("-n", "chatwoot", "jobs")
                return jobs.contains { ($0["status"] as? [String: Any])?["active"] as? Int == 1 }
            case .deploying:
                guard try Platform.hasBegun("11_ct_02_deploy_chatwoot") else { return false }
                return try await !Lab.objects("-n", "chatwoot", "deployments").isEmpty
            }
        }
    }

    @Test(arguments: Lab.chosen(Moment.allCases))
    func aRunWhoseMachineIsGoneIsFinishedOnAnother(_ moment: Moment) async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let first = try Lab.start("run", "11")
        try await eventually("\(moment)") { try await moment.hasCome() }
        first.send(SIGKILL)
        let killed = try await first.wait(atMost: .seconds(30))
        try #require(killed.status == 128 + SIGKILL, "it ended before: \(killed.error)")
        let run = URL(filePath: try Platform.newestRun()).lastPathComponent
        let left = try await Platform.presentSecrets()
        let isBeforeTheSecret = moment == .credentialsGenerated || moment == .databaseSetUp
        #expect(left.isEmpty == isBeforeTheSecret)

        let second = try OtherMachine()
        let early = try await second.runner("run", "11")
        #expect(early.status == 75, "\(early.error)")
        #expect(early.error.contains("with run \(run)"), "\(early.error)")
        try await Lab.expireLease()
        let whole = try await second.runner("run", "11")
        #expect(whole.status == 0, "\(whole.error)")
        #expect(whole.error.contains("the lease was taken over from "), "\(whole.error)")
        #expect(whole.error.contains(run), "\(whole.error)")
        try await expectWhole(undisturbed, keeping: left)

        if moment == .credentialsGenerated {
            // The first machine is found again; its file has a password that nothing relies on.
            let secrets = try await Platform.generatedSecrets()
            let resumed = try await Lab.runner("resume")
            #expect(resumed.status == 0, "\(resumed.error)")
            #expect(resumed.error.contains("1 applied, 6 in place"), "\(resumed.error)")
            #expect(try await Platform.generatedSecrets() == secrets)
            #expect(try Platform.filedSecrets(in: Lab.credentials) == secrets)
        }
        survived(
            "the operator's machine gone for good in the middle of a run on the rehearsal cluster", times: 1,
            oracle: "`run` on another machine ends with the objects and the database of an undisturbed run, "
                + "the password and SECRET_KEY_BASE that the cluster had, migrated once")
    }

    /// At any point of the first run, of which the second machine has nothing.
    @Test func aRunWhoseMachineIsGoneInsideAStepIsFinishedOnAnother() async throws {
        let tried = try await inEachStep { run, step, undisturbed in
            run.send(SIGKILL)
            guard try await run.wait(atMost: .seconds(30)).status != 0 else { return false }
            let left = try await Platform.presentSecrets()
            try await Lab.expireLease()
            let whole = try await OtherMachine().runner("run", "11")
            #expect(whole.status == 0, "\(step): \(whole.error)")
            try await expectWhole(undisturbed, keeping: left)
            return true
        }
        survived(
            "the operator's machine gone for good inside a step on the rehearsal cluster", times: tried.steps,
            oracle: "`run` on another machine ends with the objects and the database of an undisturbed run, "
                + "the password and SECRET_KEY_BASE that the cluster had, migrated once", seed: tried.seed)
    }

    /// Who waits for the module has read the platform while the other run was still changing it.
    @Test func whoWaitedForARunThatDiedUsesWhatItLeft() async throws {
        let undisturbed = try await Undisturbed.fingerprint()
        try await Lab.reset()
        let first = try Lab.start("run", "11")
        try await eventually("it has the lease") { try Platform.hasBegun("fix_ufw_k8s_nodes") }
        first.send(SIGSTOP)
        let second = try OtherMachine()
        let waiting = try second.start(["run", "11", "--lock-wait", "120"])
        try await eventually("the second one waits") { try waiting.progress().contains("waiting up to 120 s") }
        first.send(SIGCONT)
        try await eventually("the cluster has the secrets") { try Platform.hasFinished("11_ct_01_prepare_config") }
        first.send(SIGKILL)
        _ = try await first.wait(atMost: .seconds(30))
        let left = try await Platform.presentSecrets()
        #expect(left.count == 2)
        let whole = try await waiting.wait()
        #expect(whole.status == 0, "\(whole.error)")
        print("taken over and finished after \(whole.seconds) s")
        try await expectWhole(undisturbed, keeping: left)
        survived(
            "the operator's machine gone for good while another waits for the module", times: 1,
            oracle: "the one that waited ends with the objects and the database of an undisturbed run, "
                + "and the same secrets")
    }

    /// What must be true after the second machine's run.
    private func expectWhole(_ undisturbed: [String], keeping left: [String: String]) async throws {
        let difference = try await Platform.difference(from: undisturbed)
        #expect(difference.isEmpty, "\(difference)")
        let secrets = try await Platform.generatedSecrets()
        #expect(secrets.count == 2)
        #expect(left.isEmpty || secrets == left, "a secret that the cluster relied on was rotated")
        #expect(try Platform.filedSecrets(in: OtherMachine.credentials) == secrets)
        let migrations = try await Platform.migrations()
        #expect(migrations.count == 1 && migrations.values.first == [1, 0], "\(migrations)")
        for node in Lab.nodes { #expect(try await Platform.page(through: node).status == "200") }
        for state in [Lab.state, OtherMachine.state] {
            let verified = try await Lab.runner("audit", "verify", "--state-dir", state)
            #expect(verified.status == 0, "\(verified.output)")
        }
        let hunt = SecretHunt(credentials: OtherMachine.credentials)
        #expect(try hunt.inFiles(of: OtherMachine.state).isEmpty)
    }
}
