// swift-tools-version: 6.2
import PackageDescription

// Its own package, so that building and testing mt does not build benchmarks.
let package = Package(
  name: "score-benchmark",
  dependencies: [.package(name: "mt", path: "../..")],
  targets: [
    .executableTarget(name: "score-files", dependencies: [.product(name: "Evaluation", package: "mt")])
  ]
)
