import Foundation

// JSON has no word for the numbers of a model that overflows: in our files and outputs they are strings.

extension JSONEncoder.NonConformingFloatEncodingStrategy {
  /// "inf", "-inf" and "nan".
  public static var named: Self { .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan") }
}

extension JSONDecoder.NonConformingFloatDecodingStrategy {
  /// The same words.
  public static var named: Self { .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan") }
}
