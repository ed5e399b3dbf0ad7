// LedgerCoreTests
