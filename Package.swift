// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "runner",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "runner", targets: ["runner"]),
        .library(name: "FaultyCalls", type: .dynamic, targets: ["FaultyCalls"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "ClientKit", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "SSH", dependencies: ["CLibSSH2", "ClientKit"], swiftSettings: strict),
        .target(name: "Postgres", dependencies: ["CLibPQ", "ClientKit"], swiftSettings: strict),
        .target(name: "Redis", dependencies: ["ClientKit"], swiftSettings: strict),
        .target(name: "Kubernetes", dependencies: ["ClientKit", "SSH"], swiftSettings: strict),
        .target(
            name: "StepKit",
            dependencies: ["ClientKit", "SSH", "Kubernetes", "Postgres", "Redis", yams],
            swiftSettings: strict),
        .target(name: "Journal", dependencies: ["CLinux", "ClientKit"], swiftSettings: strict),
        .target(name: "Engine", dependencies: ["ClientKit", "StepKit", "Journal"], swiftSettings: strict),
        .target(
            name: "Steps", dependencies: ["ClientKit", "Kubernetes", "Postgres", "Redis", "StepKit", yams],
            path: "steps",
            swiftSettings: strict),
        // The commands, for whichever modules there are.
        .target(
            name: "RunnerCommands",
            dependencies: [
                "ClientKit", "Engine", "Journal", "Kubernetes", "Postgres", "Redis", "SSH", "StepKit",
                argumentParser,
            ],
            path: "Sources/runner", exclude: ["Main"],
            resources: [
                .embedInCode("Export/verify.sh"), .embedInCode("Export/README.export.md"),
                .embedInCode("Export/audit.schema.json"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "runner", dependencies: ["RunnerCommands", "Steps"], path: "Sources/runner/Main",
            swiftSettings: strict),
        .testTarget(name: "ClientKitTests", dependencies: ["ClientKit", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "SSHTests",
            dependencies: ["COpenSSL", "ClientKit", "DataServers", "SSH", "TestSupport"],
            swiftSettings: strict),
        // Loaded into processes of the tests, whose file calls it lets fail.
        .target(name: "FaultyCalls", path: "Tests/FaultyCalls"),
        // Gives all tasks of a program one thread.
        .target(name: "OneThread", path: "Tests/OneThread", linkerSettings: [.linkedLibrary("dispatch")]),
        .executableTarget(
            name: "JournalCrash", dependencies: ["ClientKit", "Journal", "SSH", "SplitMix"], path: "Tests/JournalCrash",
            swiftSettings: strict),
        .testTarget(
            name: "JournalTests",
            dependencies: ["ClientKit", "FaultyCalls", "Journal", "JournalCrash", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        // Random numbers that a seed repeats, also for programs, which cannot have Testing.
        .target(name: "SplitMix", path: "Tests/SplitMix", swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "ClientKit", "Postgres", "Redis", "SSH", "SplitMix", "StepKit"],
            path: "Tests/Support", swiftSettings: strict),
        .target(
            name: "DataServers", dependencies: ["ClientKit", "Postgres", "Redis", "TestSupport"],
            path: "Tests/DataServers", swiftSettings: strict),
        .testTarget(
            name: "PostgresTests", dependencies: ["ClientKit", "DataServers", "Postgres", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RedisTests", dependencies: ["ClientKit", "DataServers", "Redis", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "StepKitTests",
            dependencies: [
                "ClientKit", "DataServers", "Kubernetes", "Postgres", "Redis", "SSH", "StepKit", "Steps", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StepsTests",
            dependencies: [
                "ClientKit", "DataServers", "EngineCrash", "Kubernetes", "Postgres", "Redis", "SSH", "StepKit", "Steps",
                "TestSupport",
            ],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .target(
            name: "EmptySite", dependencies: ["ClientKit", "Kubernetes", "Postgres", "Redis", "SSH", "StepKit"],
            path: "Tests/EmptySite", swiftSettings: strict),
        .executableTarget(
            name: "EngineCrash",
            dependencies: [
                "ClientKit", "EmptySite", "Engine", "Journal", "Kubernetes", "Postgres", "Redis", "SSH", "StepKit",
                "Steps",
            ],
            path: "Tests/EngineCrash", swiftSettings: strict),
        .executableTarget(
            name: "Simulation",
            dependencies: [
                "ClientKit", "EmptySite", "Engine", "FaultyCalls", "Journal", "OneThread", "SplitMix", "StepKit",
                "Steps",
            ],
            path: "Tests/Simulation", swiftSettings: strict),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "ClientKit", "Engine", "EngineCrash", "Journal", "Kubernetes", "Postgres", "Redis", "SSH", "Simulation",
                "StepKit", "Steps", "TestSupport",
            ],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        .testTarget(
            name: "KubernetesTests", dependencies: ["ClientKit", "DataServers", "Kubernetes", "SSH", "TestSupport"],
            resources: [.copy("Fixtures")],
            swiftSettings: strict),
        // What `make bench` times against other tools.
        .executableTarget(
            name: "Bench", dependencies: ["ClientKit", "Kubernetes", "SSH"], path: "Tests/bench/Bench",
            swiftSettings: strict),
        .executableTarget(
            name: "RecordBench", dependencies: ["ClientKit", "Journal"], path: "Tests/bench/RecordBench",
            swiftSettings: strict),
        .testTarget(
            name: "RunnerTests",
            dependencies: [
                "ClientKit", "DataServers", "EngineCrash", "FaultyCalls", "Journal", "JournalCrash", "Kubernetes",
                "Postgres", "Redis", "RunnerCommands", "SSH", "StepKit", "Steps", "SecondModule", "TestSupport",
                "runner",
            ],
            resources: [.copy("Fixtures")], swiftSettings: strict),
        // `runner` with a second module.
        .executableTarget(
            name: "SecondModule", dependencies: ["Kubernetes", "RunnerCommands", "StepKit", "Steps"],
            path: "Tests/SecondModule", swiftSettings: strict),
        // Needs the rehearsal cluster; see the Makefile.
        .testTarget(
            name: "LabTests", dependencies: ["FaultyCalls", "SecondModule", "TestSupport", "runner"],
            swiftSettings: strict),
    ]
)

// `make sanitize` builds the tests that it runs, and not the others.
if Context.environment["RUNNER_SANITIZED"] != nil {
    let unused = ["Bench", "RecordBench", "RunnerCommands", "SecondModule", "runner"]
    let sanitized = ["EngineTests", "JournalTests", "SSHTests"]
    package.products.removeAll { $0.name == "runner" }
    package.targets.removeAll { unused.contains($0.name) || ($0.type == .test && !sanitized.contains($0.name)) }
}
