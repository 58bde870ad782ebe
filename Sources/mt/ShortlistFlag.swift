import ArgumentParser
import Translation

/// Whether a model is given its shortlist.
struct ShortlistFlag: ParsableArguments {
  @Flag(help: """
    Choose the words of a translation only among those that the training text has beside the words of its source: faster, \
    with now and then another translation. The model's directory must have a \(ModelDirectory.shortlistFile) \
    (mt data shortlist). Probabilities are then those among these words; those of the words of an explanation are not.
    """)
  var shortlist = false
}
