// The engine and the journal on a simulated disk, clock, cluster and hosts, cut off where a seed says, and resumed.
//
//   Simulation seeds INVENTORY FIRST COUNT    COUNT seeds from FIRST on, with whatever they give
//   Simulation points INVENTORY LOSS          cut off at each operation of a run, losing `nothing`, `some` or `all`
//   Simulation trace INVENTORY SEED           one seed, and all that happens
//
// The last line of the output says how many were tried. Exit status 1: something happened that must never happen; each
// line that begins with FAILED says what, and with which seed.
import ClientKit
import Foundation
import StepKit
import Steps

let arguments = CommandLine.arguments
let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
let root = "\(memory)/simulation-\(UUID().uuidString)"
try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
let inventory = try Inventory.load(path: arguments[2], for: [module11])
var hasFailed = false

/// Tells what went wrong in a simulation; whether anything did.
func failures(of world: World, _ name: String) -> Bool {
    let wrongs = world.state.withLock { $0.wrongs }
    for wrong in wrongs { print("FAILED \(name): \(wrong)") }
    return !wrongs.isEmpty
}

switch arguments[1] {
case "seeds", "trace":
    let first = UInt64(arguments[3]) ?? 1
    let count = arguments.count > 4 ? UInt64(arguments[4]) ?? 1 : 1
    for seed in first..<(first + count) {
        let simulation = try Simulation(seed: seed, root: root, inventory: inventory)
        try await simulation.run(seed: seed)
        let (trace, life) = simulation.world.state.withLock { ($0.trace, $0.life) }
        if arguments[1] == "trace" { print(trace.joined(separator: "\n")) }
        hasFailed = failures(of: simulation.world, "seed \(seed)") || hasFailed
        // These name the folder of this process.
        let lines = trace.filter { !$0.hasPrefix("  the run ended") && !$0.hasPrefix("  evidence in") }
        let digest = SHA256.hash(data: lines.joined().utf8).hex
        print("seed \(seed): \(life) processes, \(trace.count) lines, \(digest)")
    }
    print("\(count) seeds")
case "points":
    guard let loss = Simulation.Loss(rawValue: arguments[3]) else { exit(64) }
    var point = 1
    while true {
        let simulation = try Simulation(seed: UInt64(point), root: root, inventory: inventory)
        let wasCut = try await simulation.cut(at: point, losing: loss)
        hasFailed = failures(of: simulation.world, "point \(point)") || hasFailed
        guard wasCut else { break }
        point += 1
    }
    print("\(point - 1) points")
default: exit(64)
}
try FileManager.default.removeItem(atPath: root)
exit(hasFailed ? 1 : 0)
