// The engine and the journal on a simulated disk, clock, cluster and hosts, cut off where a seed says, and resumed.
//
//   Simulation seeds INVENTORY FIRST COUNT    COUNT seeds from FIRST on, with whatever they give
//   Simulation points INVENTORY LOSS COMMAND  cut off at each operation of a run, losing `nothing`, `some` or `all`;
//                                             then the operator types `resume` or, for another run, `new`
//   Simulation trace INVENTORY SEED           one seed, and all that happens
//
// The last line of the output says how many were tried. Exit status 1: something happened that must never happen; each
// line that begins with FAILED says what, and with which seed.
import ClientKit
import Foundation
import Glibc
import OneThread
import StepKit
import Steps

// Without it sets and dictionaries would have another order each time.
if ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
}
one_thread_begin()

let arguments = CommandLine.arguments
let memory = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
let root = "\(memory)/simulation-\(UUID().uuidString)"
try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
let inventory = try Inventory.load(path: arguments[2], for: [module11])
var hasFailed = false

/// Writes a line at once: where a seed hangs, the last line says at what.
func tell(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

/// Ends the process, with SIGALRM, where a simulation then takes so long that it waits for what never comes.
func beginSimulation() { alarm(300) }

/// Tells what went wrong in a simulation; whether anything did.
func failures(of world: World, _ name: String) -> Bool {
    let wrongs = world.state.withLock { $0.wrongs }
    for wrong in wrongs { tell("FAILED \(name): \(wrong)") }
    return !wrongs.isEmpty
}

switch arguments[1] {
case "seeds", "trace":
    let first = UInt64(arguments[3]) ?? 1
    let count = arguments.count > 4 ? UInt64(arguments[4]) ?? 1 : 1
    for seed in first..<(first + count) {
        beginSimulation()
        let simulation = try Simulation(seed: seed, root: root, inventory: inventory)
        if arguments[1] == "trace" { simulation.world.state.withLock { $0.isTold = true } }
        try await simulation.run(seed: seed)
        let (trace, life) = simulation.world.state.withLock { ($0.trace, $0.life) }
        hasFailed = failures(of: simulation.world, "seed \(seed)") || hasFailed
        let digest = SHA256.hash(data: trace.joined().utf8).hex
        tell("seed \(seed): \(life) processes, \(trace.count) lines, \(digest)")
    }
    tell("\(count) seeds")
case "points":
    guard let loss = Simulation.Loss(rawValue: arguments[3]), let command = World.Command(rawValue: arguments[4])
    else { exit(64) }
    var point = 1
    while true {
        beginSimulation()
        let simulation = try Simulation(seed: UInt64(point), root: root, inventory: inventory)
        let wasCut = try await simulation.cut(at: point, losing: loss, then: command)
        hasFailed = failures(of: simulation.world, "point \(point)") || hasFailed
        guard wasCut else { break }
        point += 1
    }
    tell("\(point - 1) points")
default: exit(64)
}
try FileManager.default.removeItem(atPath: root)
exit(hasFailed ? 1 : 0)
