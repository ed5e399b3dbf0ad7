import LedgerCore
import Testing

@testable import LedgerReplay

@Suite struct RecordedNumbersTests {
    @Test func `numbers lie a constant apart, also those that are still to be answered`() {
        var numbers = RecordedNumbers(isDriven: true)
        numbers.learn(LSN(14), is: LSN(15))
        numbers.answered(LSN(14))
        #expect(numbers.server(LSN(900)) == LSN(901) && numbers.isKnown(LSN(900)))
        #expect(numbers.firstChange == nil)
    }

    @Test func `where one ledger records more, what was born before keeps its number`() {
        var numbers = RecordedNumbers(isDriven: true)
        numbers.learn(LSN(14), is: LSN(15))
        numbers.learn(LSN(100), is: LSN(99))
        numbers.learn(LSN(200), is: LSN(199))
        #expect(numbers.server(LSN(99)) == LSN(100))
        #expect(numbers.server(LSN(100)) == LSN(99) && numbers.server(LSN(300)) == LSN(299))
        #expect(numbers.firstChange == LSN(100))
    }

    @Test func `behind a round of timers nothing is named before an answer says where it lies`() {
        var numbers = RecordedNumbers(isDriven: true)
        numbers.learn(LSN(14), is: LSN(15))
        numbers.answered(LSN(14))
        numbers.timers(through: LSN(20))
        #expect(numbers.isKnown(LSN(14)) && !numbers.isKnown(LSN(21)))
        numbers.answered(LSN(21))
        #expect(numbers.isKnown(LSN(21)) && numbers.isKnown(LSN(22)))
    }

    @Test func `without a driven clock only what was answered has a number`() {
        var numbers = RecordedNumbers(isDriven: false)
        numbers.learn(LSN(14), is: LSN(40))
        numbers.answered(LSN(14))
        numbers.answered(LSN(15))
        #expect(numbers.server(LSN(14)) == LSN(40) && numbers.server(LSN(15)) == nil)
        #expect(numbers.isKnown(LSN(15)) && !numbers.isKnown(LSN(16)))
    }
}
