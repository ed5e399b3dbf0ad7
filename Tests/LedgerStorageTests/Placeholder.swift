// LedgerStorageTests
