import ClientKit
import Kubernetes
import Redis
import StepKit

/// Everything Chatwoot needs, checked concurrently without changing anything: one line for each,
/// with cause and remedy.
@Sendable func diagnose(_ site: SiteReader) async -> [Diagnosis] {
    // An API server that does not respond is not queried again.
    let server = await ask("API server through \(site.master.name)") {
        "version \(try await site.serverVersion()), ready"
    }
    let hasCluster = server.first?.verdict == .ok
    let questions: [Question] =
        [
            Question("PostgreSQL as the admin") {
                _ = try await site.postgres(.admin(database: site.inventory.postgres.adminDatabase))
                return "accepts the login of \(site.credentials.postgres.user)"
            },
            Question("Redis") { "version \(try await site.redis().requireVersion("6.2").version)" },
            Question("addresses", asking: { await addresses(site) }),
            Question("registry \(site.inventory.registry.server)", asking: { try await registry(site) }),
        ]
        + site.nodes.map { node in
            Question("firewall of \(node.name)") { try await firewall(of: node, site) }
        }
    let inCluster: [Question] = [
        Question("PostgreSQL as Chatwoot") { try await login(site) },
        Question("schema of the database") { try await schema(site) },
        Question("backup before a migration", asking: { try await backup(site) }),
        Question("Kubernetes nodes", asking: { try await nodes(site) }),
        Question("scheduler and controller manager", asking: { try await controlPlane(site) }),
        Question("objects of module 11", asking: { try await objects(site) }),
        Question("autoscalers", asking: { try await replicas(site) }),
        Question("pods", asking: { try await workloads(site) }),
        Question("page", asking: { try await pages(site) }),
    ]
    async let outside = answers(questions)
    guard hasCluster else {
        return server + (await outside)
            + inCluster.map { .skipped($0.subject, "the API server does not respond") }
    }
    async let inside = answers(inCluster)
    return server + (await outside) + (await inside)
}

/// A check, and its subject in case it cannot be made.
private struct Question: Sendable {
    let subject: String
    let ask: @Sendable () async throws -> [Diagnosis]

    init(_ subject: String, answer: @escaping @Sendable () async throws -> String) {
        self.init(subject, asking: { [.ok(subject, try await answer())] })
    }

    init(_ subject: String, asking ask: @escaping @Sendable () async throws -> [Diagnosis]) {
        self.subject = subject
        self.ask = ask
    }
}

private func ask(_ subject: String, answer: @escaping @Sendable () async throws -> String) async -> [Diagnosis] {
    await answers([Question(subject, answer: answer)])
}

/// The results in the order of the checks; a failure is a result too.
private func answers(_ questions: [Question]) async -> [Diagnosis] {
    zip(questions, await results(of: questions) { try await $0.ask() }).flatMap { question, result -> [Diagnosis] in
        switch result {
        case .success(let found): found
        case .failure(let error as any ExplainedError):
            [.failed(question.subject, error.cause, remedy: error.remedy)]
        case .failure(let error): [.failed(question.subject, "\(error)", remedy: "report this")]
        }
    }
}

/// Checks each address of services with several: otherwise, one that works would hide the others.
private func addresses(_ site: SiteReader) async -> [Diagnosis] {
    await site.addressAnswers().map { answer in
        switch answer.result {
        case .success(let found): .ok(answer.subject, found)
        case .failure(let error as any ExplainedError): .failed(answer.subject, error.cause, remedy: error.remedy)
        case .failure(let error): .failed(answer.subject, "\(error)", remedy: "report this")
        }
    }
}

private func registry(_ site: SiteReader) async throws -> [Diagnosis] {
    let (subject, image) = ("registry \(site.inventory.registry.server)", site.inventory.chatwoot.image)
    switch try await site.registryAnswer(about: .chatwoot(site.inventory)) {
    case .accepted(let digest): return [.ok(subject, "accepts the credentials for \(image), \(digest)")]
    case .refused(let failure): throw failure
    case .unreachable(let why):
        // Nodes may still pull through a mirror; the pods show whether they do.
        return [.skipped(subject, "cannot be reached from \(site.master.name): \(why)")]
    }
}

private func firewall(of node: NodeReader, _ site: SiteReader) async throws -> String {
    guard let state = try await node.firewall() else { return "UFW is not installed" }
    if let time = state.unconfirmedSince {
        throw StepFailure(
            "inspect UFW", host: node.name,
            cause:
                "a change of UFW, started at \(time), was not confirmed; the node will restore UFW by itself",
            remedy: site.remedy("\(.run(from: FixFirewall.self)) restores it at once, and makes the change again"))
    }
    guard state.dropsRoutedTraffic(of: site.inventory.cluster.podCIDR.description) else {
        return state.isActive ? "UFW is active and allows pod traffic" : "UFW is inactive"
    }
    throw StepFailure(
        "inspect UFW", host: node.name,
        cause: "UFW is active and drops forwarded traffic (default: \(state.routedDefault)), including pod traffic",
        remedy: site.firewallRemedy)
}

private func login(_ site: SiteReader) async throws -> String {
    guard try await site.chatwootSecrets().databasePassword != nil else {
        throw StepFailure(
            "log in as Chatwoot", cause: "no password has been generated yet", remedy: site.remedy("\(.run) creates it")
        )
    }
    if let refused = try await site.refusedUse() {
        throw StepFailure("log in as Chatwoot", cause: refused.cause, remedy: refused.remedy)
    }
    return "accepts \(site.inventory.chatwoot.databaseUser) with the password of Secret \(ChatwootNames.secret)"
}

private func schema(_ site: SiteReader) async throws -> String {
    let missing = try await RunMigrations().check(site).changes
    let state = try await DatabaseState.read(site)
    guard missing.isEmpty else {
        throw StepFailure(
            "inspect the schema",
            cause: "a run would \(missing.map(\.summary).joined(separator: "; "))",
            remedy: site.remedy("\(.run) does it"))
    }
    return "\(state.summary), \(state.hasUsers ? "with users" : "no users yet")"
}

/// Whether existing data can be backed up, which is the first thing a migration does.
private func backup(_ site: SiteReader) async throws -> [Diagnosis] {
    let subject = "backup before a migration"
    guard site.inventory.backup != nil else {
        return [.skipped(subject, "the inventory has no \"backup\", and existing data is not migrated without one")]
    }
    let state = try await DatabaseState.read(site)
    guard state.savesFirst else {
        return [.skipped(subject, "there is no data to back up before a migration")]
    }
    return [.ok(subject, "the database fits into \(try await MigrationBackup(site, of: state).place())")]
}

private func nodes(_ site: SiteReader) async throws -> [Diagnosis] {
    let objects = try await site.cluster.list(["nodes"], namespace: site.inventory.chatwoot.namespace)
    return objects.map { object in
        let node = NodeState(object)
        let subject = "node \(node.name)"
        guard node.fault == nil else { return .failed(subject, "not ready: \(node.message)", remedy: node.remedy) }
        // Not a fault as long as pods have room elsewhere: a pod without room is reported, with the
        // command to fix it.
        return .ok(
            subject, "Ready\(node.isCordoned ? ", cordoned: it takes no new pods" : ""), kubelet \(node.kubelet)")
    }
}

/// Empty if the control plane has no leases.
private func controlPlane(_ site: SiteReader) async throws -> [Diagnosis] {
    let plane = try await site.cluster.controlPlane()
    return plane.found.map { name in
        guard let stale = plane.stale.first(where: { $0.name == name }) else { return .ok(name, "renews its lease") }
        return .failed(name, "has not renewed its lease for \(stale.seconds) s", remedy: stale.remedy)
    }
}

/// What else changes the number of pods; empty if only the inventory does.
private func replicas(_ site: SiteReader) async throws -> [Diagnosis] {
    let scaling = try await Scaling(site)
    return scaling.contradictions.map { .failed($0.attempt, $0.cause, remedy: $0.remedy) }
        + [ChatwootNames.web, ChatwootNames.worker].compactMap { deployment in
            scaling.leftAtNone(deployment).map { .skipped("pods of \(deployment)", "\($0.found); \($0.remedy)") }
        }
}

/// The drift of the objects that the steps own, step by step.
private func objects(_ site: SiteReader) async throws -> [Diagnosis] {
    let owners: [any ObjectOwner] = [PrepareConfig(), AddImagePullSecrets(), DeployChatwoot()]
    var found: [Diagnosis] = []
    for step in owners {
        let subject = "objects of \(step.id)"
        let changes: [Change]
        do {
            changes = try await site.changes(towards: step.desired(site))
        } catch let error as any ExplainedError where error.kind != .unreachable {
            // The objects of the other steps are still reported.
            found.append(.failed(subject, error.cause, remedy: error.remedy))
            continue
        }
        if let first = changes.first {
            let more = changes.count == 1 ? "" : ", and \(changes.count - 1) more"
            found.append(
                .failed(
                    subject, "drifted: \(first.summary)\(more)",
                    remedy: site.remedy("\(.plan) lists what a run would change, \(.run) does it")))
        } else {
            found.append(.ok(subject, "as desired"))
        }
    }
    return found
}

private func workloads(_ site: SiteReader) async throws -> [Diagnosis] {
    let namespace = site.inventory.chatwoot.namespace
    let workloads = [Workload.deployment(ChatwootNames.web), .deployment(ChatwootNames.worker)]
    var found: [Diagnosis] = []
    for (workload, verdict) in zip(
        workloads, try await site.cluster.verdicts(on: workloads, namespace: namespace))
    {
        if let problem = verdict.problem {
            let whole = try await site.explained(problem)
            found.append(.failed("\(workload)", whole.summaryWithoutSubject, remedy: whole.remedy))
        } else if case .done = verdict {
            found.append(.ok("\(workload)", verdict.summary))
        } else {
            found.append(.failed("\(workload)", verdict.summary, remedy: "check again in a minute"))
        }
    }
    return found
}

/// The page through every node, and the workers.
private func pages(_ site: SiteReader) async throws -> [Diagnosis] {
    // The Deployments have lines of their own.
    let faults = try await ProveService().faults(RequestPath(site), explained: true, workloads: false)
    let faulty = Set(faults.flatMap(\.nodes))
    let isServed = faults.allSatisfy { !$0.nodes.isEmpty }
    let well = site.nodes.filter { !faulty.contains($0.name) && isServed }.map {
        Diagnosis.ok("page from \($0.name)", "served through the Service and the node's ingress controller")
    }
    return faults.map { .failed($0.claim, $0.found, remedy: $0.remedy) } + well
}
