import Foundation

func sinOf(_ x: Double) -> Float { Float(sin(x)) }
