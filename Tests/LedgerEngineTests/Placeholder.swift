// LedgerEngineTests
