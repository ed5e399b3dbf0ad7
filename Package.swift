// swift-tools-version: 6.2
import PackageDescription

// Imports point down:
//
//     LedgerCore <- LedgerStorage, LedgerRules, LedgerCommands <- LedgerEngine
//     LedgerEngine <- LedgerReplies <- LedgerServer <- florin
//     LedgerCommands, LedgerRules, RESP <- LedgerScript <- LedgerServer, LedgerREPL
//     RESP <- LedgerClient <- LedgerREPL <- florin
//     LedgerStorage, RESP <- LedgerReplay <- florin
//
// What is asked (LedgerCommands) knows no engine and no wire; the engine carries it out; what is answered
// (LedgerReplies) knows all of them. LedgerREPL reads the table of commands and runs scripts, and links no engine.
// LedgerImport stands on LedgerCore, LedgerRules and RESP; LedgerLoad on RESP only, since it drives any server;
// LedgerReplay reads a journal and sends commands, and links no engine. LedgerCore and RESP import none of the others.
//
// C libraries, all Debian's: Lua for prices, zstd for what is sealed, zlib for logs to import; libidn2 and libunistring
// because one e-mail address is written in many ways (case, Unicode forms, xn--), and those who keep the tables of
// Unicode and IDNA keep them better.

let package = Package(
    name: "florin",
    products: [.executable(name: "florin", targets: ["florin"])],
    dependencies: [
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C: one target per library, the only places that see its headers.
        .target(name: "CLua", linkerSettings: [.linkedLibrary("lua5.4")]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CIDN2", pkgConfig: "libidn2", providers: [.apt(["libidn2-dev"])]),
        .systemLibrary(name: "CUnistring", providers: [.apt(["libunistring-dev"])]),
        .target(name: "CIntrinsics"),

        // The ledger.
        .target(name: "LedgerCore", dependencies: ["CIntrinsics"]),
        .target(
            name: "LedgerStorage",
            dependencies: ["LedgerCore", "CIntrinsics", "CZstd", .product(name: "Crypto", package: "swift-crypto")]),
        .target(
            name: "LedgerRules",
            dependencies: ["LedgerCore", "CLua", .product(name: "Crypto", package: "swift-crypto")]),
        .target(
            name: "LedgerScript",
            dependencies: [
                "LedgerCore", "LedgerCommands", "LedgerRules", "CLua", "RESP",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .target(
            name: "LedgerEngine",
            dependencies: [
                "LedgerCore", "LedgerCommands", "LedgerStorage", "LedgerRules", "CIntrinsics", "CIDN2", "CUnistring",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // The edges.
        .target(name: "RESP"),
        .target(name: "LedgerCommands", dependencies: ["LedgerCore"]),
        .target(
            name: "LedgerReplies",
            dependencies: ["LedgerCommands", "LedgerCore", "LedgerEngine", "LedgerRules", "RESP"]),
        .target(
            name: "LedgerServer",
            dependencies: [
                "LedgerCore", "LedgerStorage", "LedgerEngine", "LedgerCommands", "LedgerReplies", "LedgerScript",
                "RESP",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .target(
            name: "LedgerClient",
            dependencies: [
                "RESP",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .target(
            name: "LedgerREPL",
            dependencies: ["LedgerClient", "LedgerCommands", "LedgerCore", "LedgerScript", "RESP"]),
        .target(
            name: "LedgerImport",
            dependencies: ["LedgerCore", "LedgerRules", "RESP", "CZlib"]),
        .target(
            name: "LedgerLoad",
            dependencies: [
                "RESP", "CLua",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .target(name: "LedgerReplay", dependencies: ["LedgerCore", "LedgerStorage", "RESP"]),
        .executableTarget(
            name: "florin",
            dependencies: [
                "LedgerCommands", "LedgerCore", "LedgerStorage", "LedgerEngine", "LedgerServer", "LedgerClient",
                "LedgerREPL", "LedgerImport", "LedgerLoad", "LedgerReplay", "RESP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        // One test target per module, mirroring its files.
        .target(name: "LedgerTestKit", dependencies: ["LedgerCore", "LedgerStorage"], path: "Tests/LedgerTestKit"),
        .target(name: "CountedMemory", path: "Tests/CountedMemory", cSettings: [.unsafeFlags(["-fno-builtin"])]),
        .executableTarget(
            name: "operation-cost",
            dependencies: [
                "CountedMemory", "LedgerCore", "LedgerEngine", .product(name: "Logging", package: "swift-log"),
            ], path: "Tests/OperationCost"),
        .testTarget(name: "LedgerCoreTests", dependencies: ["LedgerCore", "LedgerTestKit"]),
        .testTarget(name: "LedgerStorageTests", dependencies: ["LedgerStorage", "LedgerTestKit"]),
        .testTarget(name: "LedgerRulesTests", dependencies: ["LedgerRules", "LedgerCore", "CLua"]),
        .testTarget(
            name: "LedgerEngineTests",
            dependencies: [
                "LedgerEngine", "LedgerCore", "LedgerStorage", "LedgerRules", "LedgerTestKit",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "LedgerScriptTests",
            dependencies: ["LedgerScript", "LedgerCommands", "LedgerCore", "CLua", "RESP"]),
        .testTarget(name: "RESPTests", dependencies: ["RESP"]),
        .testTarget(
            name: "LedgerClientTests",
            dependencies: [
                "LedgerClient", "RESP",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(name: "LedgerCommandsTests", dependencies: ["LedgerCommands", "LedgerCore", "RESP"]),
        .testTarget(
            name: "LedgerRepliesTests",
            dependencies: [
                "LedgerReplies", "LedgerCommands", "LedgerCore", "LedgerEngine", "LedgerRules", "LedgerTestKit", "RESP",
            ]),
        .testTarget(
            name: "LedgerServerTests",
            dependencies: [
                "LedgerServer", "LedgerClient", "LedgerCommands", "LedgerCore", "LedgerEngine", "LedgerStorage",
                "LedgerTestKit", "RESP",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "LedgerImportTests",
            dependencies: ["LedgerImport", "LedgerCore", "LedgerRules", "LedgerTestKit", "RESP", "CZlib"]),
        .testTarget(
            name: "LedgerREPLTests",
            dependencies: [
                "LedgerREPL", "LedgerClient", "LedgerCommands", "LedgerCore", "LedgerScript", "LedgerTestKit", "RESP",
            ]),
        .testTarget(
            name: "LedgerLoadTests",
            dependencies: [
                "LedgerLoad", "LedgerClient", "RESP",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "LedgerReplayTests",
            dependencies: [
                "LedgerReplay", "LedgerServer", "LedgerEngine", "LedgerStorage", "LedgerRules", "LedgerCore",
                "LedgerTestKit", "RESP",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["LedgerClient", "LedgerCore", "LedgerImport", "LedgerTestKit", "RESP"]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
        ]
}
