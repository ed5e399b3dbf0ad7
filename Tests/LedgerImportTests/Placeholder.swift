// LedgerImportTests
