import ArgumentParser
import Foundation

/// The program: one file per subcommand, each of which parses, calls a library and prints.
@main
struct MTCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mt",
    abstract: "Machine translation on an ordinary computer: translates, trains, scores and explains.",
    discussion: """
      Results go to standard output, progress and warnings to standard error. The exit status is 0 if all went well, \
      64 if the command line was wrong, 1 for any other error.

      Where no --model is given, mt looks for one in $MT_MODEL, then in Models/fr-en of the working directory, then \
      where `make install` puts it.

      Example:  echo "Où est la gare ?" | mt translate
      """,
    version: "mt \(version)",
    subcommands: [
      TranslateCommand.self, TrainCommand.self, EvalCommand.self, ErrorAnalysisCommand.self, ScoreCommand.self,
      InspectCommand.self, StoryCommand.self, TokenizeCommand.self, DetokenizeCommand.self, DataCommand.self,
      ImportCommand.self, ExportCommand.self, QuantizeCommand.self, AverageCommand.self, BenchCommand.self,
      ServeCommand.self,
    ])

  static let version = "1.0.0"

  static func main() {
    // Closed standard streams are opened the wrong way around: else the next file that is opened would be taken for one.
    for stream: Int32 in 0...2 where fcntl(stream, F_GETFD) < 0 { _ = open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) }
    // A reader that goes away early is noticed by the failing write, and is no error.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
      try StandardOutput.shared.flush()
    } catch is ClosedPipe {
      Foundation.exit(0)
    } catch {
      try? StandardOutput.shared.flush()
      exit(withError: error)
    }
  }
}
