import Foundation
import Testing
@testable import Training

@Suite struct ScheduleTests {
  @Test("Every schedule warms up along the same straight line", arguments: ScheduleKind.allCases)
  func warmup(kind: ScheduleKind) {
    let schedule = Schedule(kind: kind, peak: 0.008, warmup: 4, totalUpdates: 20)
    let rates = (1...4).map(schedule.rate)
    for (rate, expected) in zip(rates, [0.002, 0.004, 0.006, 0.008]) { #expect(abs(rate - expected) < 1e-12) }
  }

  @Test("After the warm-up the rates are those worked out by hand")
  func values() {
    func rate(_ kind: ScheduleKind, _ update: Int) -> Double {
      Schedule(kind: kind, peak: 1, warmup: 4, totalUpdates: 19).rate(update)
    }
    #expect(rate(.constant, 19) == 1)
    #expect(rate(.inverseSquareRoot, 16) == 0.5)
    // From update 4 to one past the last there are 16 steps.
    #expect(rate(.linear, 4) == 1)
    #expect(rate(.linear, 12) == 0.5)
    #expect(rate(.linear, 19) == 1.0 / 16)
    #expect(abs(rate(.cosine, 12) - 0.5) < 1e-12)
    #expect(abs(rate(.cosine, 8) - 0.5 * (1 + 0.5.squareRoot())) < 1e-12)
    #expect(rate(.cosine, 19) > 0)
    #expect(abs(rate(.cosine, 20)) < 1e-12)
    #expect(rate(.linear, 30) == 0)
  }

  @Test("Without warm-up the first update has the peak")
  func noWarmup() {
    #expect(Schedule(kind: .inverseSquareRoot, peak: 2, warmup: 0, totalUpdates: 5).rate(1) == 2)
    #expect(Schedule(kind: .linear, peak: 2, warmup: 0, totalUpdates: 3).rate(2) == 1)
  }
}
