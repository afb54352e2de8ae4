// The engine on a platform of files, in a process of its own, so that it can be killed or stopped at
// any of its failpoints: `EngineCrash run STATE PLATFORM INVENTORY`, or `resume`; and what steps do with
// SQL, on a server at PORT, as the run whose fencing number is NUMBER; killed before change CHANGE is sent, or DELAY
// microseconds after the first of it was: `EngineCrash database STEP PORT INVENTORY NUMBER [CHANGE [DELAY]]`; and the
// credentials file with generated secrets, and the cluster's Secret after it:
// `EngineCrash secrets FOLDER SECRET INVENTORY`.
//
// Standard output says how it ended. Exit status 3: something was done twice.
import ClientKit
import Engine
import Foundation
import Glibc
import Journal
import StepKit
import Steps

// Where it hangs, it ends, and the test that waits for it fails.
alarm(300)
let arguments = CommandLine.arguments
do {
    if arguments[1] == "secrets" {
        try await SecretSteps.perform(
            folder: arguments[2], secret: arguments[3], Inventory.load(path: arguments[4], for: [module11]))
        exit(0)
    }
    if arguments[1] == "database" {
        guard let port = UInt16(arguments[3]), let number = Int(arguments[5]) else { exit(64) }
        var death: Death?
        if arguments.count > 6, let change = Int(arguments[6]) {
            death = Death(change: change, delay: arguments.count > 7 ? UInt32(arguments[7]) : nil)
        }
        try await DatabaseSteps.perform(
            arguments[2], on: Inventory.load(path: arguments[4], for: [module11]), port: port, number: number,
            death: death)
        exit(0)
    }
    let platform = Platform(path: arguments[3])
    let inventory = try Inventory.load(path: arguments[4], for: [module11])
    let runner = ModuleRunner(
        module: platform.module, inventory: inventory, redactor: Redactor(),
        provider: PlatformProvider(platform: platform, inventory: inventory), version: "1.0-crash",
        interruption: { .signal(SIGINT) },
        events: { if case .warning(let text) = $0 { print("warning: \(text)") } })
    let state = try StateDirectory.prepare(arguments[2], minimumFree: 1 << 16)
    let plan: ModulePlan.File? =
        if arguments[1] == "run", arguments.count > 5 {
            try await ModulePlan.read(from: arguments[5], for: platform.module)
        } else { nil }
    switch arguments[1] {
    case "plan":
        try await ModulePlan(
            of: platform.module, inventory: inventory, version: "1.0-crash", redactor: Redactor(),
            provider: PlatformProvider(platform: platform, inventory: inventory), warn: { print($0) }
        ).write(to: arguments[5])
    case "run":
        let summary = try await runner.run(StepSelection(), plan: plan, isNew: true, in: state)
        end(with: summary)
    case "resume":
        guard let summary = try await runner.resume(nil, in: state) else {
            print("nothing to resume")
            exit(0)
        }
        end(with: summary)
    default: exit(64)
    }
} catch {
    print("error: \(error)")
    exit(1)
}

func end(with summary: RunSummary) -> Never {
    print("ended: \(summary.failure?.message ?? "done")")
    exit(summary.failure?.exitStatus ?? 0)
}
