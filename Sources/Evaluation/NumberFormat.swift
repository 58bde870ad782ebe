import Foundation

/// The number with a fixed count of decimals, as C's and Python's `%.nf` print it.
func formatFixed(_ value: Double, _ decimals: Int) -> String {
  String(format: "%.\(decimals)f", value)
}

/// As `formatFixed`, with a sign also before what is not negative.
func formatSigned(_ value: Double, _ decimals: Int) -> String { String(format: "%+.\(decimals)f", value) }
