import ArgumentParser
import Foundation

/// Whether two paths lead to one file that exists.
func areSameFile(_ a: String, _ b: String) -> Bool {
  var (first, second) = (stat(), stat())
  guard stat(a, &first) == 0, stat(b, &second) == 0 else { return false }
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino
}

/// Throws `ValidationError` where `output`, what the option `name` names, is one of the files that are read.
func requireApart(_ output: String?, from inputs: [String?], _ name: String = "--output") throws {
  guard let output, let input = inputs.compactMap({ $0 }).first(where: { areSameFile($0, output) }) else { return }
  throw ValidationError("\(input) would be replaced while it is read: give another \(name).")
}
