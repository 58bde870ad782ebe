// swift-tools-version: 6.2
import PackageDescription

// One line a room; ARCHITECTURE.md draws the house. A target imports only what lies beneath it.
let package = Package(
  name: "mt",
  products: [
    .library(name: "MachineTranslation", targets: ["Translation"]),
    .library(name: "Evaluation", targets: ["Evaluation"]),
    .executable(name: "mt", targets: ["mt"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: ["FullFoundation"]),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
  ],
  targets: [
    // Walls to C.
    .target(name: "CICU", linkerSettings: [.linkedLibrary("icuuc"), .linkedLibrary("icui18n")]),
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("dnnl")]),
    .target(name: "CLanguageDetection", linkerSettings: [.linkedLibrary("cld2")]),
    .target(name: "CSentencePiece", linkerSettings: [.linkedLibrary("sentencepiece_train"), .linkedLibrary("sentencepiece")]),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    // The text world.
    .target(name: "TextProcessing", dependencies: ["CICU", "CSentencePiece", "CZlib", heap]),
    // The number world.
    .target(name: "Autograd", dependencies: ["CKernels"]),
    .target(name: "NeuralNet", dependencies: ["Autograd"]),
    .target(name: "Seq2Seq", dependencies: ["NeuralNet"]),
    // Where they meet, and what stands beside.
    .target(name: "Translation", dependencies: ["TextProcessing", "Seq2Seq"]),
    .target(name: "Evaluation"),
    .target(name: "ErrorAnalysis", dependencies: ["Translation", "Evaluation"]),
    .target(name: "Interchange", dependencies: ["Translation", "Yams"]),
    .target(name: "Training", dependencies: ["Translation", "Evaluation", "Yams"]),
    .target(
      name: "TranslationServer",
      dependencies: [
        "Translation", "CLanguageDetection", hummingbird, hummingbirdCore, httpTypes, logging, nio, nioHTTP1, unixSignals,
      ],
      // In the program itself, so that it stays one file that can be moved.
      resources: ["index.html", "page.css", "icon.svg", "page.js", "api.js", "attention.js", "tree.js", "words.js"].map {
        .embedInCode("Page/\($0)")
      }),
    .target(name: "Story", dependencies: ["ErrorAnalysis", "Training"]),
    .executableTarget(
      name: "mt",
      dependencies: [
        "Translation", "Evaluation", "ErrorAnalysis", "Interchange", "Training", "Story", "TranslationServer", argumentParser, logging,
      ]),
    // Suites mirror Sources.
    .target(name: "TestSupport", dependencies: ["Translation"], path: "Tests/TestSupport"),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .testTarget(name: "TextProcessingTests", dependencies: ["TextProcessing", "TestSupport"]),
    .testTarget(name: "AutogradTests", dependencies: ["Autograd"]),
    .testTarget(name: "NeuralNetTests", dependencies: ["NeuralNet"]),
    .testTarget(name: "Seq2SeqTests", dependencies: ["Seq2Seq", "AllocationCounter"], resources: [.copy("Resources")]),
    .testTarget(name: "TranslationTests", dependencies: ["Translation", "TestSupport"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation"], exclude: ["Fixtures"]),
    .testTarget(name: "ErrorAnalysisTests", dependencies: ["ErrorAnalysis", "TestSupport"]),
    .testTarget(name: "InterchangeTests", dependencies: ["Interchange", "TestSupport"], resources: [.copy("Resources")]),
    .testTarget(name: "TrainingTests", dependencies: ["Training", "AllocationCounter"]),
    .testTarget(name: "TranslationServerTests", dependencies: ["TranslationServer", "TestSupport", embeddedChannel]),
    .testTarget(name: "StoryTests", dependencies: ["Story", "TestSupport"]),
    .testTarget(name: "CommandLineTests", dependencies: ["TestSupport", "mt"], exclude: ["Fixtures"]),
  ]
)

var argumentParser: Target.Dependency { .product(name: "ArgumentParser", package: "swift-argument-parser") }
var heap: Target.Dependency { .product(name: "HeapModule", package: "swift-collections") }
var hummingbird: Target.Dependency { .product(name: "Hummingbird", package: "hummingbird") }
var hummingbirdCore: Target.Dependency { .product(name: "HummingbirdCore", package: "hummingbird") }
var logging: Target.Dependency { .product(name: "Logging", package: "swift-log") }
var embeddedChannel: Target.Dependency { .product(name: "NIOEmbedded", package: "swift-nio") }
var httpTypes: Target.Dependency { .product(name: "HTTPTypes", package: "swift-http-types") }
var nio: Target.Dependency { .product(name: "NIOCore", package: "swift-nio") }
var nioHTTP1: Target.Dependency { .product(name: "NIOHTTP1", package: "swift-nio") }
var unixSignals: Target.Dependency { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
