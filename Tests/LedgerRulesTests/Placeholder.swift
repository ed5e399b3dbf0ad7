// LedgerRulesTests
