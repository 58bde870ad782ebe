// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "TranslateLines",
  dependencies: [.package(name: "mt", path: "../..")],
  targets: [
    .executableTarget(
      name: "TranslateLines", dependencies: [.product(name: "MachineTranslation", package: "mt")])
  ]
)
